import type { ClassSpeed } from '../../store/classSpeeds.ts';

/** A shard takes the slowest class at most this long: with real stays, an abrupt departure then costs under 1 %. */
const LONGEST_SHARD_MS = 15 * 60_000;
/**
 * A part is flushed this often on the slowest class, or after each line where a line takes longer: what is lost when a
 * car vanishes. On recorded stays, with every departure abrupt, it is under 0.1 % of plugged hours
 * (`npm run bench:drive-away`); parts of four minutes lost 0.26 %.
 */
const LONGEST_PART_MS = 60_000;
/** While no car has been measured and the manifest says nothing. */
const UNKNOWN_SPEED = { linesPerShard: 16, linesPerPart: 4 } as const;

/** Lines per shard and per part for a model, from the speeds of the classes that run it (grid time). */
export function shardSizeOf(speeds: readonly Pick<ClassSpeed, 'deviceMsPerLine'>[]): {
  readonly linesPerShard: number;
  readonly linesPerPart: number;
} {
  if (speeds.length === 0) return UNKNOWN_SPEED;
  const slowestMsPerLine = Math.max(...speeds.map((speed) => speed.deviceMsPerLine));
  const linesPerShard = Math.max(1, Math.floor(LONGEST_SHARD_MS / slowestMsPerLine));
  const linesPerPart = Math.min(linesPerShard, Math.max(1, Math.floor(LONGEST_PART_MS / slowestMsPerLine)));
  return { linesPerShard, linesPerPart };
}
