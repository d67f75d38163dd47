import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { selectGlosses } from '../../../demo/glosses/selection.ts';
import { loadNight } from '../../../demo/night/night.ts';
import { ocrWork } from '../../../demo/work/ocrWork.ts';

const folder = await mkdtemp(join(tmpdir(), 'nightshift-ocr-work-'));
afterAll(() => rm(folder, { recursive: true }));

test('the night’s pictures are rendered once, and their answers are held against what was rendered', async () => {
  const written = await loadNight();
  const night = { ...written, batch: { ...written.batch, requests: 3 } };
  const rendered: number[] = [];
  const work = await ocrWork(night, folder, (lines) => rendered.push(lines));
  const again = await ocrWork(night, folder, (lines) => rendered.push(lines));
  expect(rendered).toEqual([3]);
  expect(again).toMatchObject({ model: work.model, endpoint: work.endpoint, batchFile: work.batchFile });
  const lines = (await readFile(work.batchFile, 'utf8')).trimEnd().split('\n');
  const urls = lines.map((line) => z.object({ url: z.string() }).parse(JSON.parse(line)).url);
  expect(urls).toEqual([work.endpoint, work.endpoint, work.endpoint]);

  const glosses = await selectGlosses({ count: 3, seed: night.seed });
  const answers = new Map(
    glosses.map(({ customId, text }) => [customId, { outputs: [{ name: 'text', data: [text] }] }]),
  );
  expect(again.judge(answers)).toEqual({ characterErrorRate: 0 });
  answers.set(glosses[0]?.customId ?? '', { outputs: [{ name: 'text', data: [''] }] });
  expect(work.judge(answers).characterErrorRate).toBeGreaterThan(0.2);
});
