import { seededRandom } from '../../domain/random.ts';
import { mutated } from './mutations.ts';
import { fuzzTargets, isDocumented } from './targets.ts';

/** Real time that one small input may take, on a machine that is busy. */
const LIMIT_REAL_MS = 2_000;

export interface FuzzResult {
  readonly inputs: number;
  readonly accepted: number;
  readonly refused: number;
  readonly slowestRealMs: number;
}

/**
 * Gives every target the same number of hostile inputs, made from valid ones.
 * @throws Error naming target, seed and number of the input that did anything but settle or fail as documented
 */
export async function fuzz(options: { readonly inputs: number; readonly seed: number }): Promise<FuzzResult> {
  const targets = await fuzzTargets();
  const random = seededRandom(options.seed);
  let accepted = 0;
  let refused = 0;
  let slowestRealMs = 0;
  for (let index = 0; index < options.inputs; index++) {
    const target = targets[index % targets.length];
    if (!target) break;
    const bytes = mutated(target.valid, random);
    const startRealMs = performance.now();
    try {
      await target.take(bytes);
      accepted++;
    } catch (cause) {
      if (!isDocumented(cause)) {
        const shown = bytes.toString('base64').slice(0, 4_000);
        throw new Error(`${target.name}, seed ${options.seed}, input ${index}: ${String(cause)}\n${shown}`, { cause });
      }
      refused++;
    }
    const realMs = performance.now() - startRealMs;
    slowestRealMs = Math.max(slowestRealMs, realMs);
    if (realMs > LIMIT_REAL_MS) throw new Error(`${target.name}, seed ${options.seed}, input ${index}: ${realMs} ms`);
  }
  return { inputs: options.inputs, accepted, refused, slowestRealMs };
}
