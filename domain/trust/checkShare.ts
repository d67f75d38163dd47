import type { CheckPolicy } from './checkPolicy.ts';
import { drawn, drawnFrom } from './draws.ts';
import { checkProbability, type Reputation } from './reputation.ts';

/** What one car has answered of a shard. */
export interface CarsShare {
  readonly jobId: string;
  readonly shard: number;
  readonly vehicleId: string;
  /** Numbers of the lines within the shard. */
  readonly lines: readonly number[];
}

export interface CheckedShare {
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
 * them many more. What it finds is to be judged (reputation.ts).
 * @returns undefined when it was not its turn
 */
export async function checkShare(
  key: Buffer,
  share: CarsShare,
  reputation: Reputation,
  policy: CheckPolicy,
  compare: CompareLines,
): Promise<CheckedShare | undefined> {
  const first = linesToCheck(key, share, reputation, policy);
  if (first.length === 0) return undefined;
  const found = await compare(first);
  if (found.length === 0) return { checked: first, differing: [] };
  const rest = share.lines.filter((line) => !first.includes(line));
  const closer = drawnFrom(key, rest, CLOSER_LOOK_LINES, 'closer', share.jobId, share.shard, share.vehicleId);
  const more = closer.length === 0 ? [] : await compare(closer);
  return { checked: [...first, ...closer], differing: [...found, ...more] };
}
