import type { CheckPolicy } from './checkPolicy.ts';
import { drawn, drawnFrom } from './draws.ts';
import { checkProbability, judged, type Reputation } from './reputation.ts';

/** What one car has answered of a shard. */
export interface CarsShare {
  readonly jobId: string;
  readonly shard: number;
  readonly vehicleId: string;
  /** Numbers of the lines within the shard. */
  readonly lines: readonly number[];
  /** Numbers of lines besides, canaries, whose answers are known or come to be: they are always looked at. */
  readonly known?: readonly number[];
}

/** What a look at some lines has found. */
export interface FoundInLines {
  /** Lines whose answers differ from trusted ones by more than the tolerance. */
  readonly differing: readonly number[];
  /** Of generated text: tokens that were read, and those that diverge; 0 of anything else. */
  readonly tokens: number;
  readonly divergent: number;
}

export interface CheckedShare extends FoundInLines {
  /** Lines that were held against trusted answers. */
  readonly checked: readonly number[];
}

export type CompareLines = (lines: readonly number[]) => Promise<FoundInLines>;

/** A look that is not what honest cars show makes this many more lines be looked at: enough to tell bad luck from a liar. */
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
  const first = [...(share.known ?? []), ...linesToCheck(key, share, reputation, policy)];
  if (first.length === 0) return undefined;
  const found = await compare(first);
  const counts = { checked: first.length, ...found, differing: found.differing.length };
  if (judged(reputation, counts, policy).verdict === 'valid') return { ...found, checked: first };
  const rest = share.lines.filter((line) => !first.includes(line));
  const closer = drawnFrom(key, rest, CLOSER_LOOK_LINES, 'closer', share.jobId, share.shard, share.vehicleId);
  if (closer.length === 0) return { ...found, checked: first };
  const more = await compare(closer);
  return {
    checked: [...first, ...closer],
    differing: [...found.differing, ...more.differing],
    tokens: found.tokens + more.tokens,
    divergent: found.divergent + more.divergent,
  };
}
