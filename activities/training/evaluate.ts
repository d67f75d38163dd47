import type { TrainingPipeline } from '../../domain/models.ts';
import type { ModelRef } from '../../domain/shards.ts';
import { dataOf, type ExampleSet } from '../../training/examples.ts';
import type { TrustedTrainer } from './trainingPorts.ts';

/** Steps of one call: it has a time limit. */
const STEPS_PER_CALL = 16;

/** How well weights do on all examples of a set. What does not fill a step at its end is left out. */
export async function evaluateAll(
  trainer: TrustedTrainer,
  model: ModelRef,
  { inputs }: Pick<TrainingPipeline, 'inputs'>,
  weights: Float32Array,
  set: ExampleSet,
): Promise<{ readonly loss: number; readonly accuracy: number | null }> {
  const perStep = inputs[0]?.shape[0] ?? 1;
  const whole = Math.max(Math.min(set.count, perStep), set.count - (set.count % perStep));
  let [examples, lossSum, correct, counted] = [0, 0, 0, 0];
  for (let start = 0; start < whole; start += STEPS_PER_CALL * perStep) {
    const length = Math.min(STEPS_PER_CALL * perStep, whole - start);
    const some = Array.from({ length }, (_, offset) => start + offset);
    const found = await trainer.evaluate(model, weights, dataOf(set, some));
    examples += found.examples;
    lossSum += found.loss * found.examples;
    correct += found.correct;
    counted += found.counted;
  }
  return { loss: lossSum / examples, accuracy: counted > 0 ? correct / counted : null };
}
