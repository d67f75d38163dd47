/** Half-open ranges [start, end) of shard numbers: how sets of shards travel in snapshots, since most are contiguous. */
export type ShardRanges = readonly (readonly [number, number])[];

/** Ascending, merged ranges of the given shard numbers. */
export function toRanges(shards: Iterable<number>): ShardRanges {
  const ranges: [number, number][] = [];
  for (const shard of [...shards].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last && last[1] === shard) last[1] = shard + 1;
    else ranges.push([shard, shard + 1]);
  }
  return ranges;
}

export function fromRanges(ranges: ShardRanges): Set<number> {
  const shards = new Set<number>();
  for (const [start, end] of ranges) for (let shard = start; shard < end; shard++) shards.add(shard);
  return shards;
}
