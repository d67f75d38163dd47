import type { SplitBatch } from '../workflows/inferenceJob.ts';

/** More cars than this say nothing that a trusted computer does not say for less. */
export const MAX_QUORUM = 5;

/**
 * With a quorum of n, each slice of the input is n shards that follow each other: the first, and copies of it that other
 * cars answer without knowing of each other.
 */
type Cut = Pick<SplitBatch, 'quorum'>;

/** The slice that a shard answers. */
export function sliceOf({ quorum = 1 }: Cut, shard: number): number {
  return Math.floor(shard / quorum);
}

/** 0 for the first of the shards that answer a slice. */
export function copyOf({ quorum = 1 }: Cut, shard: number): number {
  return shard % quorum;
}

/** All shards that answer a slice. */
export function shardsOfSlice({ quorum = 1 }: Cut, slice: number): number[] {
  return Array.from({ length: quorum }, (_, copy) => slice * quorum + copy);
}

/** Lines of a slice; the last one has what is left. */
export function linesOfSlice(
  { lines, linesPerShard }: Pick<SplitBatch, 'lines' | 'linesPerShard'>,
  slice: number,
): number {
  return Math.min(linesPerShard, lines - slice * linesPerShard);
}
