import { HOUR_MS } from '../../../domain/durations.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { payableMs, payableWh, type HeldTime } from '../../../activities/jobs/payableWork.ts';

const CHIP = { chipKw: 0.25 };

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

describe('energy', () => {
  const SLOT_MS = HOUR_MS / 4;
  const HELD = { handedOutMs: SLOT_MS, storedUntilMs: 3 * SLOT_MS - 1 };
  /** Two slots of the shard, and the one before. */
  const meter = (meteredWh: readonly number[], readUntilMs = 3 * SLOT_MS, othersWh = 0) => ({
    kind: 'car' as const,
    readUntilMs,
    othersWh,
    slots: meteredWh.map((wh, slot) => ({ startMs: slot * SLOT_MS, endMs: (slot + 1) * SLOT_MS, meteredWh: wh })),
  });

  test('is what the class can take in the time that is paid, at most', () => {
    const unread = meter([0, 0, 0], Number.NEGATIVE_INFINITY);
    expect(payableWh(5e8, CHIP, HOUR_MS / 4, HELD, unread)).toBe(505);
    expect(payableWh(400, CHIP, HOUR_MS / 4, HELD, unread)).toBe(400);
    expect(payableWh(400, CHIP, 0, HELD, unread)).toBe(5);
  });

  test('is what the meter counted in its quarter hours, at most, less what other shards within them were paid', () => {
    expect(payableWh(1_000, CHIP, HOUR_MS, HELD, meter([0, 80, 40]))).toBe(120 * 1.25 + 20);
    expect(payableWh(1_000, CHIP, HOUR_MS, HELD, meter([0, 80, 40], 3 * SLOT_MS, 100))).toBe(20 * 1.25 + 20);
    expect(payableWh(1_000, CHIP, HOUR_MS, HELD, { ...meter([0, 80, 40]), kind: 'charger' })).toBeCloseTo(143.6, 6);
    expect(payableWh(120, CHIP, HOUR_MS, HELD, meter([0, 80, 40]))).toBe(120);
  });

  test('may lie in the slots before, where readings are far apart, and by the class in what was not read', () => {
    expect(payableWh(150, CHIP, HOUR_MS, HELD, meter([40, 60, 20]))).toBe(150);
    // The last quarter hour was not read: 2 kW at most.
    expect(payableWh(1_000, CHIP, HOUR_MS, HELD, meter([0, 80, 0], 2 * SLOT_MS))).toBeCloseTo(100 + 20 + 500, 1);
  });
});
