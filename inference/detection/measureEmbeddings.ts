import type { Answer } from '../../domain/answerLine.ts';
import { answerDistance } from '../../domain/trust/sameAnswer.ts';
import type { HeldText } from '../../domain/trust/sameText.ts';
import { toleranceOf } from '../../domain/trust/tolerance.ts';
import { measureNoise } from '../admission/measureNoise.ts';
import { CAR_SETTINGS, type LoadedModel, type SessionSettings } from '../runner/protocol.ts';
import { Runner } from '../runner/runner.ts';
import { withCheaper } from './cheaperVariant.ts';
import { LIMITS, type MeasuredAnswers, type MeasuringOptions } from './measureLiars.ts';

const THINGS = ['car', 'harbour', 'loaf', 'winter', 'letter', 'bridge', 'engine', 'garden', 'clock', 'river', 'lamp'];
const DOINGS = [
  'was seen at night',
  'stood in the rain',
  'belongs to nobody',
  'is older than the town',
  'came by train',
];

/**
 * As `measureLiars`, of a model that embeds texts: whose vectors are farther from a trusted computer's than the tolerance.
 * @throws RunnerCrash
 */
export async function measureEmbeddings(model: LoadedModel, options: MeasuringOptions): Promise<MeasuredAnswers> {
  const { lines, onProgress } = options;
  const bodies = Array.from({ length: lines }, (_, index) => ({
    input: `The ${THINGS[index % THINGS.length]} ${DOINGS[index % DOINGS.length]}, number ${index}.`,
  }));
  onProgress('how far honest answers are apart');
  const noise = await measureNoise(model, LIMITS, bodies[0]);
  const tolerance = toleranceOf([noise]);
  onProgress('honest answers');
  const honest = await answers(model, CAR_SETTINGS, bodies);
  onProgress('honest answers on other settings');
  const elsewhere = await answers(model, { threads: 2, optimisation: 'basic' }, bodies);
  onProgress('answers of a cheaper variant');
  const cheaper = await withCheaper(model, options.cheaperPath, (other) => answers(other, CAR_SETTINGS, bodies));

  const heldOf = (answerOf: (index: number) => Answer | undefined): HeldText[] =>
    honest.map((right, index) => ({
      differs: answerDistance(answerOf(index)?.body, right.body) > tolerance.numbers,
      tokens: 0,
      divergent: 0,
    }));
  return {
    noise,
    tolerance,
    held: {
      honest: heldOf((index) => honest[index]),
      'honest, other hardware': heldOf((index) => elsewhere[index]),
      'cheaper variant': heldOf((index) => cheaper[index]),
      copied: heldOf((index) => honest[(index + 1) % lines]),
    },
  };
}

async function answers(
  model: LoadedModel,
  settings: SessionSettings,
  bodies: readonly unknown[],
): Promise<readonly Answer[]> {
  const runner = new Runner({ ...LIMITS, settings });
  try {
    return await runner.run(model, bodies);
  } finally {
    await runner.stop();
  }
}
