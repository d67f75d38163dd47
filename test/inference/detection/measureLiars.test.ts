import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { folderDeclarationSchema } from '../../../domain/modelUploads.ts';
import { detectionAt } from '../../../simulator/detectionCurve.ts';
import type { HeldText } from '../../../domain/trust/sameText.ts';
import { openFolder } from '../../../inference/admission/admitFolder.ts';
import { measureLiars } from '../../../inference/detection/measureLiars.ts';
import type { LoadedModel } from '../../../inference/runner/protocol.ts';
import { sha256OfFile } from '../../../store/objects/sha256OfFile.ts';
import { writeTinyLlama } from '../../support/tinyLlama.ts';

let root: string;
let model: LoadedModel;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'nightshift-liars-'));
  await writeTinyLlama(root, { layout: 'huggingface', weights: 'fp32' });
  const entries = (await readdir(root, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const files = await Promise.all(
    entries.map(async ({ parentPath, name }) => {
      const full = join(parentPath, name);
      return { path: relative(root, full), sha256: await sha256OfFile(full), sizeBytes: (await stat(full)).size };
    }),
  );
  const declaration = folderDeclarationSchema.parse({ name: 'tiny' });
  model = (await openFolder({ declaration, root, files })).loaded;
}, 60_000);
afterAll(() => rm(root, { recursive: true, force: true }));

const differing = (lines: readonly HeldText[] = []): number => lines.filter(({ differs }) => differs).length;

test('liars of each kind are found among measured answers, and no honest car is blamed', async () => {
  const { held, tolerance } = await measureLiars(model, { lines: 4, tokens: 20, onProgress: () => {} });
  expect(tolerance.logits).toBeLessThan(0.05);
  const honest = [...(held['honest'] ?? []), ...(held['honest, other hardware'] ?? [])];
  expect(honest).toHaveLength(8);
  expect(differing(honest)).toBe(0);
  expect(honest.every(({ divergent }) => divergent === 0)).toBe(true);
  for (const kind of ['early stop', 'copied', 'invented']) expect(differing(held[kind])).toBe(4);
  const cheaper = held['cheaper variant'] ?? [];
  expect(cheaper.reduce((sum, { divergent }) => sum + divergent, 0)).toBeGreaterThan(10);

  const asked = { checksPer1000: 50, falseShare: 0.3 };
  expect((await detectionAt({ lies: cheaper, honest }, asked)).caught).toBe(1);
  const blameless = await detectionAt({ lies: honest, honest }, { ...asked, falseShare: 0 });
  expect(blameless).toMatchObject({ caught: 0, alarmsPer1000Checks: 0 });
}, 300_000);
