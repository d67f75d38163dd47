import { sliceSignerWith } from '../../../store/sliceAccess.ts';
import { MINUTE_MS } from '../../../domain/durations.ts';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { createPlanActivities } from '../../../activities/plan/planActivities.ts';
import { savePlan } from '../../../store/plans.ts';
import { workflowIds } from '../../../domain/names.ts';
import { CELL, enrolFleet } from '../../support/fleetFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';

const { database } = useTestDatabase();
const SLOT_MS = Date.UTC(2026, 0, 14, 20);

const told: string[] = [];
const toldSessions: string[] = [];
let tellingNow = 0;
let mostAtOnce = 0;
const { publishSetpoints, tellSessions } = createPlanActivities({
  database,
  vehicles: {
    publish: async (topic) => {
      // A broker takes its time.
      if (topic.includes('gives')) await delay(20);
      told.push(topic.split('/')[1] ?? '');
    },
    withdraw: async () => {},
  },
  tellSession: async ({ sessionId }) => {
    mostAtOnce = Math.max(mostAtOnce, ++tellingNow);
    await delay(1);
    tellingNow--;
    toldSessions.push(sessionId);
  },
  plan: () => Promise.reject(new Error('not asked')),
  weights: { carbonEurPerKg: 0, missingEurPerKwh: 0.6 },
  gridNowMs: () => SLOT_MS,
  carAccess: { url: 'http://127.0.0.1', signer: sliceSignerWith('none of this is handed out') },
  now: Date.now,
});

beforeAll(() => enrolFleet(database, ['one']));

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
  await savePlan(database, { id, ...made, problem: {}, plan: { slots, cars } });
}

test('within a slot, a car that gives power up is told before one that takes it', async () => {
  await plan('first', 0, { 'car-takes': 0, 'car-gives': 7, 'car-stays': 3 });
  await plan('second', 5, { 'car-takes': 7, 'car-gives': 0, 'car-stays': 3 });
  await publishSetpoints({ planId: 'second' });
  expect(told.at(-1)).toBe('car-takes');
  expect(new Set(told).size).toBe(3);
});

test('tells the sessions that changed, a few at once, however many they are', async () => {
  const carIds = Array.from({ length: 2_500 }, (_, car) => `many-${car}`);
  await database.query(
    `insert into vehicles select (jsonb_populate_record(v, jsonb_build_object('id', car))).*
     from vehicles v, unnest($1::text[]) car where v.id = 'one'`,
    [carIds],
  );
  await database.query(
    `insert into parking_sessions (vehicle_id, stay, plugged_in_at, ready_by, target_soc_percent)
     select car, 1, now(), now(), 80 from unnest($1::text[]) car`,
    [carIds],
  );
  const all = (kw: number) => Object.fromEntries(carIds.map((id) => [id, kw]));
  await plan('before all', 10, all(1));
  await plan('of all', 11, { ...all(2), 'many-7': 1 });
  await tellSessions({ planId: 'of all' });
  expect(new Set(toldSessions)).toEqual(
    new Set(carIds.filter((id) => id !== 'many-7').map((id) => workflowIds.session(id, 1))),
  );
  expect(mostAtOnce).toBeLessThanOrEqual(20);
});
