import { createHash } from 'node:crypto';

import { DEFAULT_CHECK_POLICY } from '../domain/trust/checkPolicy.ts';
import { checkShare } from '../domain/trust/checkShare.ts';
import { judged, NEW_REPUTATION } from '../domain/trust/reputation.ts';
import type { HeldText } from '../domain/trust/sameText.ts';
import { seededRandom } from '../domain/random.ts';

/** Lines that a car answers until it is caught or not. */
export const LINES_OF_CAR = 1_000;
const LINES_OF_SHARD = 100;
const CARS = 200;

export interface CurvePoint {
  /** Lines that are drawn to be checked, of 1,000. */
  readonly checksPer1000: number;
  /** Of a car's lines, those that are false. */
  readonly falseShare: number;
  /** Cars found guilty before they had answered 1,000 lines, as a share. */
  readonly caught: number;
  /** False lines of a car that was caught, until then, in the median; undefined where none was caught. */
  readonly medianFalseLines: number | undefined;
  /** Checks that found anything, of 1,000. */
  readonly alarmsPer1000Checks: number;
}

/**
 * Lets cars answer 1,000 lines each, a share of them in a false way, and judges them by the code that judges real cars.
 * How each line holds is drawn from what was measured.
 * @param lies how false lines were found to hold @param honest how honest lines were
 */
export async function detectionAt(
  { lies, honest }: { readonly lies: readonly HeldText[]; readonly honest: readonly HeldText[] },
  { checksPer1000, falseShare }: Pick<CurvePoint, 'checksPer1000' | 'falseShare'>,
): Promise<CurvePoint> {
  const key = createHash('sha256').update(`curve ${checksPer1000} ${falseShare}`).digest();
  const policy = { ...DEFAULT_CHECK_POLICY, line_share: checksPer1000 / 1_000, min_probability: 1 };
  const random = seededRandom(1_000 * checksPer1000 + Math.round(1_000 * falseShare));
  const lines = Array.from({ length: LINES_OF_SHARD }, (_, line) => line);
  const falseLines: number[] = [];
  let [checks, alarms] = [0, 0];
  for (let car = 0; car < CARS; car += 1) {
    let reputation = NEW_REPUTATION;
    let told = 0;
    for (let shard = 0; shard < LINES_OF_CAR / LINES_OF_SHARD; shard += 1) {
      const isFalse = lines.map(() => random() < falseShare);
      told += isFalse.filter(Boolean).length;
      const heldAt = (line: number): HeldText | undefined => {
        const from = isFalse[line] === true ? lies : honest;
        return from[Math.floor(random() * from.length)];
      };
      const share = { jobId: 'curve', shard, vehicleId: `car-${car}`, lines };
      const found = await checkShare(key, share, reputation, policy, async (asked) => {
        const held = asked.map((line) => ({ line, held: heldAt(line) }));
        return {
          differing: held.filter((each) => each.held?.differs === true).map(({ line }) => line),
          tokens: held.reduce((sum, each) => sum + (each.held?.tokens ?? 0), 0),
          divergent: held.reduce((sum, each) => sum + (each.held?.divergent ?? 0), 0),
        };
      });
      if (!found) continue;
      const counts = { ...found, checked: found.checked.length, differing: found.differing.length };
      const judgement = judged(reputation, counts, policy);
      ({ reputation } = judgement);
      checks += 1;
      if (judgement.verdict !== 'valid') alarms += 1;
      if (judgement.verdict === 'guilty') {
        falseLines.push(told);
        break;
      }
    }
  }
  falseLines.sort((a, b) => a - b);
  return {
    checksPer1000,
    falseShare,
    caught: falseLines.length / CARS,
    medianFalseLines: falseLines[falseLines.length >> 1],
    alarmsPer1000Checks: (1_000 * alarms) / checks,
  };
}
