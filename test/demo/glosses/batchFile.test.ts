import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { renderBatch } from '../../../demo/glosses/batchFile.ts';
import { renderLine } from '../../../demo/glosses/lineRenderer.ts';
import { AVAILABLE_GLOSSES, selectGlosses } from '../../../demo/glosses/selection.ts';

const requestSchema = z.strictObject({
  custom_id: z.string(),
  method: z.literal('POST'),
  url: z.literal('/v2/models/ocr-line/infer'),
  body: z.strictObject({
    inputs: z.tuple([
      z.strictObject({
        name: z.literal('image'),
        shape: z.tuple([z.literal(1)]),
        datatype: z.literal('BYTES'),
        data: z.tuple([z.string()]),
      }),
    ]),
  }),
});

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nightshift-glosses-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

test('a batch file holds one OIP request a line, and the truth to hold the answers against', async () => {
  const file = path.join(folder, 'input.jsonl');
  const progress: number[] = [];
  const truth = await renderBatch({
    count: 25,
    seed: 7,
    model: 'ocr-line',
    file,
    onProgress: (lines) => progress.push(lines),
  });
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  expect(lines).toHaveLength(25);
  expect(progress).toEqual([20, 25]);
  expect(await readdir(folder)).toEqual(['input.jsonl']);
  for (const line of lines) {
    const request = requestSchema.parse(JSON.parse(line));
    const png = PNG.sync.read(Buffer.from(request.body.inputs[0].data[0], 'base64'));
    expect(png.height).toBe(48);
    expect(png.width % 32).toBe(0);
    const text = truth.get(request.custom_id) ?? '';
    expect(text.length).toBeGreaterThanOrEqual(16);
    expect(text.length).toBeLessThanOrEqual(40);
  }
});

test('the same seed picks the same glosses, another seed others, none twice', async () => {
  const all = await selectGlosses({ count: AVAILABLE_GLOSSES, seed: 7 });
  const some = await selectGlosses({ count: 100, seed: 7 });
  const others = await selectGlosses({ count: 100, seed: 8 });
  expect(some).toEqual(all.slice(0, 100));
  expect(others).not.toEqual(some);
  await expect(selectGlosses({ count: AVAILABLE_GLOSSES + 1, seed: 7 })).rejects.toThrow(RangeError);
});

test('a line is drawn the same twice, black on white, within its margins', () => {
  const png = PNG.sync.read(renderLine('an awkward clash'));
  expect(renderLine('an awkward clash')).toEqual(renderLine('an awkward clash'));
  const gray = (x: number, y: number): number => png.data[(y * png.width + x) * 4] ?? 0;
  const column = (x: number): number => Math.min(...Array.from({ length: 48 }, (_, y) => gray(x, y)));
  const darkest = Array.from({ length: png.width }, (_, x) => column(x));
  expect(Math.min(...darkest)).toBeLessThan(30);
  expect(Math.min(...darkest.slice(0, 8), ...darkest.slice(-4))).toBe(255);
});
