import { MINUTE_MS } from './durations.ts';

/** Of a shard on the class in the middle: with real stays, an abrupt departure then costs under 1 %. */
const SHARD_MS = 10 * MINUTE_MS;
/**
 * A part is flushed this often on the slowest class, or after each line where a line takes longer: what is lost when a
 * car vanishes. On recorded stays, with every departure abrupt, it is under 0.1 % of plugged hours
 * (`npm run bench:drive-away`); parts of four minutes lost 0.26 %.
 */
const LONGEST_PART_MS = MINUTE_MS;
/** Until cars have been measured, since a stated figure may be far from theirs. */
const MAX_UNMEASURED_LINES = 64;
/** While no car has been measured and nobody has stated a speed. */
const UNKNOWN_SPEED = { linesPerShard: 16, linesPerPart: 4 } as const;

/**
 * Lines per shard and per part of a batch, from the speeds of the classes that run its model (grid time).
 * @param unitsPerLine is the batch's mean, in units of work (domain/workUnits.ts)
 */
export function shardSizeOf(
  speeds: readonly { readonly deviceMsPerUnit: number; readonly measuredMsPerUnit: readonly number[] }[],
  unitsPerLine: number,
): {
  readonly linesPerShard: number;
  readonly linesPerPart: number;
} {
  const ascending = speeds.map((speed) => speed.deviceMsPerUnit * unitsPerLine).sort((a, b) => a - b);
  const middle = ascending[Math.floor((ascending.length - 1) / 2)];
  const slowest = ascending.at(-1);
  if (middle === undefined || slowest === undefined) return UNKNOWN_SPEED;
  const most = speeds.some((speed) => speed.measuredMsPerUnit.length > 0)
    ? Number.POSITIVE_INFINITY
    : MAX_UNMEASURED_LINES;
  const linesPerShard = Math.max(1, Math.min(most, Math.round(SHARD_MS / middle)));
  const linesPerPart = Math.min(linesPerShard, Math.max(1, Math.floor(LONGEST_PART_MS / slowest)));
  return { linesPerShard, linesPerPart };
}
