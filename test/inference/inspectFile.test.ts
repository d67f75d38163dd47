import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { inspectFile } from '../../inference/admission/inspectFile.ts';

let folder: string;
let garbage: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-inspect-'));
  garbage = join(folder, 'model.onnx');
  await writeFile(garbage, 'not a network');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('the file is to blame for what it is', async () => {
  await expect(inspectFile(garbage)).rejects.toMatchObject({ code: 'model_refused', field: 'file' });
});

test('a file that the process cannot read is not the model’s fault', async () => {
  await expect(inspectFile(join(folder, 'gone.onnx'))).rejects.toMatchObject({
    code: 'internal',
    message: expect.stringMatching(/^The model was not looked at: .*ENOENT/),
  });
});

test('a machine without time for it is asked again later', async () => {
  await expect(inspectFile(garbage, {}, { cpuSeconds: 30, realMs: 1 })).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('add it again later'),
  });
});
