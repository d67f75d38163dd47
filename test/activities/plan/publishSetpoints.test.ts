import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { createPlanActivities } from '../../../activities/plan/planActivities.ts';
import { savePlan } from '../../../store/plans.ts';
import { CELL, enrolFleet } from '../../support/fleetFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';

const { db } = useTestDatabase();
const SLOT_MS = Date.UTC(2026, 0, 14, 20);
const MINUTE_MS = 60_000;

const told: string[] = [];
const { publishSetpoints } = createPlanActivities({
  database: db,
  vehicles: {
    publish: async (topic) => {
      // A broker takes its time.
      if (topic.includes('gives')) await delay(20);
      told.push(topic.split('/')[1] ?? '');
    },
    withdraw: async () => {},
  },
  plan: () => Promise.reject(new Error('not asked')),
  weights: { carbonEurPerKg: 0, missingEurPerKwh: 0.6 },
  gridNowMs: () => SLOT_MS,
});

beforeAll(() => enrolFleet(db, []));

/** All that publishing reads of a plan. */
async function plan(id: string, atMinute: number, chargeKw: Readonly<Record<string, number>>): Promise<void> {
  const cars = Object.entries(chargeKw).map(([carId, kw]) => ({
    carId,
    chargeKw: [kw],
    computeKw: [0],
    startDelaySeconds: 0,
    reasons: [],
  }));
  const slots = { startMs: SLOT_MS, slotMinutes: 15, count: 1 };
  const made = { cellId: CELL.id, slotStartMs: SLOT_MS, createdAtMs: SLOT_MS + atMinute * MINUTE_MS };
  await savePlan(db, { id, ...made, problem: {}, plan: { slots, cars } });
}

test('within a slot, a car that gives power up is told before one that takes it', async () => {
  await plan('first', 0, { 'car-takes': 0, 'car-gives': 7, 'car-stays': 3 });
  await plan('second', 5, { 'car-takes': 7, 'car-gives': 0, 'car-stays': 3 });
  await publishSetpoints({ planId: 'second' });
  expect(told.at(-1)).toBe('car-takes');
  expect(new Set(told).size).toBe(3);
});
