/** A time in which a car had a shard, grid time, and how much of it was paid as device time. */
export interface HeldTime {
  readonly handedOutMs: number;
  readonly storedUntilMs: number;
  readonly paidMs: number;
}

/**
 * The device time in which a car can have computed a shard: while it had it, less what it is paid for other shards in
 * that time, since it computes one at a time. Right in whatever order the shards are accepted.
 */
export function payableMs(
  claimedMs: number,
  own: HeldTime & { readonly heldMs: number },
  others: readonly HeldTime[],
): number {
  const starts = [own, ...others].map((each) => each.handedOutMs).filter((atMs) => atMs <= own.handedOutMs);
  const byEnd = [...others, { ...own, paidMs: 0 }].toSorted((a, b) => a.storedUntilMs - b.storedUntilMs);
  let leftMs = own.heldMs;
  for (const startMs of starts) {
    let paidMs = 0;
    for (const each of byEnd) {
      if (each.handedOutMs >= startMs) paidMs += each.paidMs;
      if (each.storedUntilMs >= own.storedUntilMs) leftMs = Math.min(leftMs, each.storedUntilMs - startMs - paidMs);
    }
  }
  return Math.max(0, Math.min(claimedMs, leftMs));
}
