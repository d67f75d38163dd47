import type { CheckPolicy } from './checkPolicy.ts';
import { drawn, drawnFrom } from './draws.ts';
import { checkProbability, judged, withEvidence, type Reputation, type Verdict } from './reputation.ts';

/** What one car has answered of a shard. */
export interface CarsShare {
  readonly jobId: string;
  readonly shard: number;
  readonly vehicleId: string;
  /** Numbers of the lines within the shard. */
  readonly lines: readonly number[];
}

export interface CheckedShare {
  readonly verdict: Verdict;
  readonly reputation: Reputation;
  /** Lines that were held against trusted answers. */
  readonly checked: readonly number[];
  /** Those that differ by more than the tolerance. */
  readonly differing: readonly number[];
}

/** @returns of these lines the ones whose answers differ from trusted ones by more than the tolerance */
export type CompareLines = (lines: readonly number[]) => Promise<readonly number[]>;

/** One difference makes this many more lines be looked at: enough to tell bad luck from a liar. */
const CLOSER_LOOK_LINES = 256;

/** The lines of a share that are to be checked; none when it is not this share's turn. */
export function linesToCheck(
  key: Buffer,
  { jobId, shard, vehicleId, lines }: CarsShare,
  reputation: Reputation,
  policy: CheckPolicy,
): number[] {
  const isDue = drawn(key, 'check', jobId, shard, vehicleId) < checkProbability(reputation, policy);
  if (!isDue) return [];
  const count = Math.max(1, Math.ceil(policy.line_share * lines.length));
  return drawnFrom(key, lines, count, 'lines', jobId, shard, vehicleId);
}

/**
 * Checks what one car has answered of a shard, if it is its turn: compares some lines, and with any difference among
 * them many more, before it judges the car.
 * @param known canaries of the shard that have been compared already
 * @returns undefined when nothing was checked
 */
export async function checkShare(
  key: Buffer,
  share: CarsShare,
  reputation: Reputation,
  policy: CheckPolicy,
  compare: CompareLines,
  known: { readonly checked: readonly number[]; readonly differing: readonly number[] } = {
    checked: [],
    differing: [],
  },
): Promise<CheckedShare | undefined> {
  const first = linesToCheck(key, share, reputation, policy);
  if (first.length + known.checked.length === 0) return undefined;
  const checked = [...known.checked, ...first];
  const differing = [...known.differing, ...(first.length === 0 ? [] : await compare(first))];
  if (differing.length > 0) {
    const rest = share.lines.filter((line) => !checked.includes(line));
    const closer = drawnFrom(key, rest, CLOSER_LOOK_LINES, 'closer', share.jobId, share.shard, share.vehicleId);
    checked.push(...closer);
    if (closer.length > 0) differing.push(...(await compare(closer)));
  }
  const found = { checked: checked.length, differing: differing.length };
  return { ...judged(withEvidence(reputation, found, policy), found), checked, differing };
}
