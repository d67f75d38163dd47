import fc from 'fast-check';
import { expect, test } from 'vitest';

import { HOUR_MS, MINUTE_MS } from '../../domain/durations.ts';
import { stayToPlan, type StayToPlan } from '../../planning/stayToPlan.ts';

const SLOT_MINUTES = 15;
const axis = { startMs: Date.parse('2026-03-02T08:00:00Z'), slotMinutes: SLOT_MINUTES, count: 96 };
const MAX_KW = 11;
const EFFICIENCY = 0.9;
const SLOT_KWH = (MAX_KW * EFFICIENCY * SLOT_MINUTES) / 60;

/** @param needMinutes how long it has to charge at full power */
function stay(pluggedInMinute: number, readyByMinute: number, needMinutes: number): StayToPlan {
  return {
    car: {
      id: 'car-1',
      feederId: 'oak-street',
      hardwareClass: 'ai4',
      chargerMaxKw: MAX_KW,
      chargerMinKw: 4.14,
      chargerEfficiency: EFFICIENCY,
      needKwh: (MAX_KW * EFFICIENCY * needMinutes * MINUTE_MS) / HOUR_MS,
    },
    pluggedInMs: axis.startMs + pluggedInMinute * MINUTE_MS,
    readyByMs: axis.startMs + readyByMinute * MINUTE_MS,
    timeZone: 'Europe/Oslo',
    habit: undefined,
    siteHabit: undefined,
  };
}
const slotsFull = ({ needKwh, readyBySlot }: ReturnType<typeof stayToPlan>): number => readyBySlot * SLOT_KWH - needKwh;

test('a car that needs every minute between the middles of two slots is planned at full power in all of them', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 14 }), fc.integer({ min: 16, max: 600 }), (from, until) => {
      const planned = stayToPlan(axis, stay(from, until, until - from));
      expect(planned.readyBySlot).toBe(Math.ceil(until / SLOT_MINUTES));
      expect(slotsFull(planned)).toBeCloseTo(0, 9);
    }),
  );
});

test('what cannot be charged in time is as much as it is by the minute', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 14 }),
      fc.integer({ min: 16, max: 600 }),
      fc.integer({ min: 1, max: 120 }),
      (from, until, beyond) => {
        const planned = stayToPlan(axis, stay(from, until, until - from + beyond));
        expect(slotsFull(planned)).toBeCloseTo(-(MAX_KW * EFFICIENCY * beyond) / 60, 9);
      },
    ),
  );
});

test('a car with time to spare, and one that is full, need what they need', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 14 }), fc.integer({ min: 61, max: 600 }), (from, until) => {
      const relaxed = stay(from, until, until - from - 45);
      expect(stayToPlan(axis, relaxed)).toMatchObject({
        needKwh: relaxed.car.needKwh,
        readyBySlot: Math.floor(until / SLOT_MINUTES),
      });
      expect(stayToPlan(axis, stay(from, from + 16, 0)).needKwh).toBe(0);
    }),
  );
});

test('an earlier stay that is planned anew loses nothing at its start', () => {
  const planned = stayToPlan(axis, stay(-40, 52, 50));
  expect(planned.readyBySlot).toBe(4);
  expect(planned.needKwh).toBeCloseTo((MAX_KW * EFFICIENCY * 58) / 60, 9);
});
