import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { explainedWh, payableWh, type CarsMeter, type PaidTime } from '../../../activities/jobs/payableEnergy.ts';
import { HOUR_MS } from '../../../domain/durations.ts';
import { splitOverSlots } from '../../../store/meters.ts';

const CHIP = { chipKw: 0.25 };
const SLOT_MS = HOUR_MS / 4;
const SLACK_WH = 20;
const HELD = { handedOutMs: 8 * SLOT_MS, storedUntilMs: 10 * SLOT_MS - 1 };

/** Slots from the eighth on, each read at its bounds. */
function meter(meteredWh: readonly number[], readUntilMs = 12 * SLOT_MS): CarsMeter {
  const slots = meteredWh.map((wh, index) => {
    const startMs = (8 + index) * SLOT_MS;
    return { startMs, meteredWh: wh, spread: { startMs, endMs: startMs + SLOT_MS } };
  });
  return { kind: 'car', slotMs: SLOT_MS, slots, read: { startMs: 0, endMs: readUntilMs } };
}

const paid = (fromSlot: number, untilSlot: number, paidWh: number): PaidTime => ({
  handedOutMs: fromSlot * SLOT_MS,
  storedUntilMs: untilSlot * SLOT_MS - 1,
  paidWh,
});

describe('what a shard is paid', () => {
  test('is what the class can take in the time that is paid, at most', () => {
    const unread = meter([], Number.NEGATIVE_INFINITY);
    expect(payableWh(5e8, CHIP, HOUR_MS / 4, HELD, [], unread)).toBe(505);
    expect(payableWh(400, CHIP, HOUR_MS / 4, HELD, [], unread)).toBe(400);
    expect(payableWh(400, CHIP, 0, HELD, [], unread)).toBe(5);
  });

  test('is what the meter counted in its quarter hours, at most, less what other shards within them were paid', () => {
    expect(payableWh(1_000, CHIP, HOUR_MS, HELD, [], meter([80, 40]))).toBe(120 * 1.25 + SLACK_WH);
    expect(payableWh(1_000, CHIP, HOUR_MS, HELD, [paid(8, 9, 100)], meter([80, 40]))).toBe(120 * 1.25 + SLACK_WH - 100);
    expect(payableWh(1_000, CHIP, HOUR_MS, HELD, [], { ...meter([80, 40]), kind: 'charger' })).toBeCloseTo(143.6, 6);
    expect(payableWh(120, CHIP, HOUR_MS, HELD, [], meter([80, 40]))).toBe(120);
  });

  test('is not what another shard was paid that only overlaps: together they are held against all their quarter hours', () => {
    const before = paid(5, 9, 140);
    expect(payableWh(150, CHIP, HOUR_MS, HELD, [before], meter([100, 20]))).toBe(120 * 1.25 + SLACK_WH - 140);
  });

  test('may stand in other slots, where readings are far apart, and is by the class in what was not read', () => {
    const [startMs, endMs] = [2 * SLOT_MS, 14 * SLOT_MS];
    const slots = Array.from({ length: 12 }, (_, index) => ({
      startMs: startMs + index * SLOT_MS,
      meteredWh: 20,
      spread: { startMs, endMs },
    }));
    const farApart = { ...meter([]), slots, read: { startMs: 0, endMs } };
    expect(payableWh(200, CHIP, HOUR_MS, HELD, [], farApart)).toBe(200);
    expect(payableWh(1_000, CHIP, HOUR_MS, HELD, [], farApart)).toBe(240 * 1.25 + SLACK_WH);
    // The last quarter hour was not read: 2 kW at most.
    const half = meter([80], 9 * SLOT_MS);
    expect(payableWh(1_000, CHIP, HOUR_MS, HELD, [], half)).toBeCloseTo(100 + SLACK_WH + 500, 1);
  });
});

/** A night of shards that follow each other, each handed out somewhat before and stored somewhat after it was computed. */
const honestNight = fc.array(
  fc.record({
    computedMs: fc.integer({ min: 1, max: HOUR_MS }),
    idleMs: fc.nat(HOUR_MS),
    earlyMs: fc.nat(HOUR_MS / 6),
    lateMs: fc.nat(2 * HOUR_MS),
  }),
  { maxLength: 8 },
);
const KW = 0.4;
const sum = (all: readonly number[]): number => all.reduce((total, each) => total + each, 0);

function nightOf(shards: readonly { computedMs: number; idleMs: number; earlyMs: number; lateMs: number }[]) {
  let atMs = 24 * HOUR_MS;
  return shards.map(({ computedMs, idleMs, earlyMs, lateMs }) => {
    const startMs = atMs + idleMs;
    atMs = startMs + computedMs;
    const drawnWh = (KW * 1000 * computedMs) / HOUR_MS;
    return { startMs, endMs: atMs, handedOutMs: startMs - earlyMs, storedUntilMs: atMs + lateMs, drawnWh };
  });
}

/** Its meter is read at some instants, and last when all is over. */
function readAt(night: ReturnType<typeof nightOf>, readMs: readonly number[]): CarsMeter {
  const drawnKwh = (untilMs: number): number =>
    night.reduce((sum, { startMs, endMs }) => sum + Math.max(0, Math.min(untilMs, endMs) - startMs), 0) *
    (KW / HOUR_MS);
  const endMs = Math.max(0, ...night.map(({ storedUntilMs }) => storedUntilMs)) + HOUR_MS;
  const instants = [23 * HOUR_MS, ...readMs.map((atMs) => 24 * HOUR_MS + atMs).filter((atMs) => atMs < endMs), endMs];
  const slots = new Map<number, CarsMeter['slots'][number]>();
  for (const [index, atMs] of instants.toSorted((a, b) => a - b).entries()) {
    const before = instants.toSorted((a, b) => a - b)[index - 1];
    if (before === undefined) continue;
    const reading = (ms: number) => ({ atMs: ms, chargingKwh: 0, computeKwh: drawnKwh(ms) });
    for (const { slotStartMs, computeKwh } of splitOverSlots(reading(before), reading(atMs), SLOT_MS)) {
      const known = slots.get(slotStartMs);
      slots.set(slotStartMs, {
        startMs: slotStartMs,
        meteredWh: (known?.meteredWh ?? 0) + computeKwh * 1000,
        spread: { startMs: known?.spread.startMs ?? before, endMs: atMs },
      });
    }
  }
  const inOrder = [...slots.values()].toSorted((a, b) => a.startMs - b.startMs);
  return { kind: 'charger', slotMs: SLOT_MS, slots: inOrder, read: { startMs: 0, endMs } };
}

describe('a night', () => {
  test('of an honest car is paid in full, however far apart its readings are and in whatever order shards are accepted', () => {
    fc.assert(
      fc.property(
        honestNight.chain((shards) =>
          fc.tuple(fc.constant(shards), fc.shuffledSubarray([...shards.keys()], { minLength: shards.length })),
        ),
        fc.array(fc.nat(16 * HOUR_MS)),
        ([shards, order], readMs) => {
          const night = nightOf(shards);
          const meterOf = readAt(night, readMs);
          const paidWh = night.map(() => 0);
          for (const index of order) {
            const shard = night[index];
            if (!shard) continue;
            const others = night.flatMap((each, other) =>
              other === index ? [] : [{ ...each, paidWh: paidWh[other] ?? 0 }],
            );
            const { startMs, endMs, drawnWh } = shard;
            paidWh[index] = payableWh(drawnWh, CHIP, endMs - startMs, shard, others, meterOf);
            expect(paidWh[index]).toBeCloseTo(drawnWh, 6);
          }
        },
      ),
    );
  });

  test('of a liar is not paid beyond what its meter has counted, whatever it claims for which shards', () => {
    fc.assert(
      fc.property(honestNight, fc.array(fc.double({ min: 1, max: 20, noNaN: true })), (shards, factors) => {
        const night = nightOf(shards);
        const meterOf = readAt(night, []);
        const paidWh = night.map(() => 0);
        for (const [index, shard] of night.entries()) {
          const others = night.flatMap((each, other) =>
            other === index ? [] : [{ ...each, paidWh: paidWh[other] ?? 0 }],
          );
          const claimedWh = shard.drawnWh * (factors[index] ?? 3);
          paidWh[index] = payableWh(claimedWh, CHIP, 24 * HOUR_MS, shard, others, meterOf);
        }
        expect(sum(paidWh)).toBeLessThanOrEqual(sum(night.map(({ drawnWh }) => drawnWh)) * 1.03 + SLACK_WH + 1e-6);
      }),
    );
  });
});

test('of slots that were read, what was paid is explained as far as they have counted', () => {
  const slots = [
    { meteredWh: 100, paidWh: 200 },
    { meteredWh: 50, paidWh: 0 },
  ];
  expect(explainedWh(slots, 'car')).toEqual({ paidWh: 200, explainedWh: 200 });
  expect(explainedWh([{ meteredWh: 100, paidWh: 200 }], 'car')).toEqual({ paidWh: 200, explainedWh: 145 });
});
