import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { payableMs, type HeldTime } from '../../../activities/jobs/payableWork.ts';

/** Shards that one device computed one after the other, each handed out somewhat before and stored somewhat after. */
const honestNight = fc
  .array(fc.record({ computedMs: fc.nat(1_000), idleMs: fc.nat(100), earlyMs: fc.nat(500), lateMs: fc.nat(500) }), {
    maxLength: 12,
  })
  .map((shards) => {
    let atMs = 0;
    return shards.map(({ computedMs, idleMs, earlyMs, lateMs }) => {
      const startMs = atMs + idleMs;
      atMs = startMs + computedMs;
      return { claimedMs: computedMs, handedOutMs: startMs - earlyMs, storedUntilMs: atMs + lateMs };
    });
  });

function payAll(shards: readonly (Omit<HeldTime, 'paidMs'> & { readonly claimedMs: number })[]): HeldTime[] {
  const held = shards.map(({ handedOutMs, storedUntilMs }) => ({ handedOutMs, storedUntilMs, paidMs: 0 }));
  for (const [index, { claimedMs }] of shards.entries()) {
    const own = held[index];
    if (!own) continue;
    const others = held.filter((each) => each !== own);
    own.paidMs = payableMs(claimedMs, { ...own, heldMs: own.storedUntilMs - own.handedOutMs }, others);
  }
  return held;
}

describe('device time', () => {
  test('is paid in full to a car that computed one shard after the other, in whatever order they are accepted', () => {
    fc.assert(
      fc.property(
        honestNight.chain((night) => fc.shuffledSubarray(night, { minLength: night.length })),
        (night) => {
          expect(payAll(night).map(({ paidMs }) => paidMs)).toEqual(night.map(({ claimedMs }) => claimedMs));
        },
      ),
    );
  });

  test('of all shards that lie within a time is never paid beyond that time, whatever is claimed', () => {
    const shard = fc
      .record({ claimedMs: fc.nat(10_000), handedOutMs: fc.nat(1_000), lengthMs: fc.nat(1_000) })
      .map(({ lengthMs, ...rest }) => ({ ...rest, storedUntilMs: rest.handedOutMs + lengthMs }));
    fc.assert(
      fc.property(fc.array(shard, { maxLength: 10 }), (shards) => {
        const paid = payAll(shards);
        for (const { handedOutMs } of paid) {
          for (const { storedUntilMs } of paid) {
            const within = paid.filter(
              (each) => each.handedOutMs >= handedOutMs && each.storedUntilMs <= storedUntilMs,
            );
            const sumMs = within.reduce((sum, { paidMs }) => sum + paidMs, 0);
            expect(sumMs).toBeLessThanOrEqual(Math.max(0, storedUntilMs - handedOutMs));
          }
        }
      }),
    );
  });

  test('is no longer than the attempts together, without the time between them', () => {
    expect(payableMs(900, { handedOutMs: 0, storedUntilMs: 1_000, paidMs: 0, heldMs: 300 }, [])).toBe(300);
  });
});
