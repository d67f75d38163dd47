import { readFile } from 'node:fs/promises';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { ImageCtcPipeline } from '../../domain/models.ts';
import type { Answer } from '../../domain/answerLine.ts';
import { inferAnswer, singleBytesInput } from './openInference.ts';
import { decodePicture, type Picture } from './picture.ts';
import type { LoadedModel } from './protocol.ts';

/** Answers the body of one request line. @throws BadRequest when the fault is the request's. */
export type AnswerRequest = (body: unknown) => Promise<Answer>;

/**
 * Text line recognition with a CTC head. One picture a run, at its true width: padding to a common width changes some
 * answers, and is slower for convolutions.
 */
export async function imageCtcPipeline(
  session: InferenceSession,
  model: LoadedModel,
  pipeline: ImageCtcPipeline,
): Promise<AnswerRequest> {
  // Only line feeds separate keys: some keys are themselves white space to trim() and to other splitters.
  const keys = (await readFile(model.assetPaths[pipeline.dictionarySha256] ?? '', 'utf8')).split('\n');
  if (keys.at(-1) === '') keys.pop();
  const alphabet = ['', ...keys, ' '];
  const [inputName] = session.inputNames;
  const [outputName] = session.outputNames;
  if (inputName === undefined || outputName === undefined) throw new Error('The network has no input or no output.');
  const levels = Float32Array.from(
    { length: 256 },
    (_, value) => (value / 255 - pipeline.normalisation.mean) / pipeline.normalisation.std,
  );

  return async (body) => {
    const image = await decodePicture(singleBytesInput(body, 'image'), pipeline);
    const results = await session.run({ [inputName]: toTensor(image, levels) }, [outputName]);
    const scores = results[outputName];
    if (scores === undefined || !(scores.data instanceof Float32Array)) throw new Error('The network gave no scores.');
    const { text, confidence } = decodeCtc(scores.data, scores.dims, alphabet);
    return inferAnswer(model, [
      { name: 'text', datatype: 'BYTES', shape: [1], data: [text] },
      { name: 'confidence', datatype: 'FP32', shape: [1], data: [confidence] },
    ]);
  };
}

/** [1, 3, height, width]: a plane of blue, one of green and one of red, which are equal in a gray picture. */
function toTensor({ widthPx, heightPx, channels, pixels }: Picture, levels: Float32Array): Tensor {
  const planePixels = widthPx * heightPx;
  const data = new Float32Array(3 * planePixels);
  const fill = (plane: number, channel: number): void => {
    for (let index = 0, from = channel; index < planePixels; index += 1, from += channels)
      data[plane * planePixels + index] = levels[pixels[from] ?? 0] ?? 0;
  };
  fill(0, channels - 1);
  if (channels === 3) {
    fill(1, 1);
    fill(2, 0);
  } else {
    data.copyWithin(planePixels, 0, planePixels);
    data.copyWithin(2 * planePixels, 0, planePixels);
  }
  return new Tensor('float32', data, [1, 3, heightPx, widthPx]);
}

/** Probabilities of a step add up to 1, so a larger one than this is the largest, and the search may end. */
const SURE = 0.6;

/**
 * Best-path CTC: per step the likeliest class, kept unless it is blank or repeats its neighbour. `scores` is
 * [1, steps, classes] of probabilities. Confidence is the mean probability of the kept steps, to four digits, so that
 * noise in the last bits does not reach the answer's bytes; 0 for an empty text.
 */
export function decodeCtc(
  scores: Float32Array,
  dims: readonly number[],
  alphabet: readonly string[],
): { text: string; confidence: number } {
  const [, steps = 0, classes = 0] = dims;
  if (classes !== alphabet.length) {
    throw new Error(`The network tells ${classes} classes apart, but the dictionary gives ${alphabet.length}.`);
  }
  let text = '';
  let keptSteps = 0;
  let probabilitySum = 0;
  let previousClass = 0;
  for (let step = 0; step < steps; step += 1) {
    const row = step * classes;
    let bestClass = 0;
    let bestProbability = -1;
    for (let candidate = 0; candidate < classes; candidate += 1) {
      const probability = scores[row + candidate] ?? 0;
      if (probability > bestProbability) {
        bestProbability = probability;
        bestClass = candidate;
        if (probability > SURE) break;
      }
    }
    if (bestClass !== 0 && bestClass !== previousClass) {
      text += alphabet[bestClass] ?? '';
      keptSteps += 1;
      probabilitySum += bestProbability;
    }
    previousClass = bestClass;
  }
  return { text, confidence: keptSteps === 0 ? 0 : Number((probabilitySum / keptSteps).toFixed(4)) };
}
