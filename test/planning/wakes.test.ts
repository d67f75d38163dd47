import { MINUTE_MS } from '../../domain/durations.ts';
import { expect, test } from 'vitest';
import { claimsOfPlan } from '../../planning/carClaims.ts';
import { REAL_TIME } from '../../domain/clock.ts';
import { heldAsleepUntilMs, settleWakes, wakeWithinMs } from '../../planning/wakes.ts';
import { wakesToFetch } from '../../planning/wakesToFetch.ts';
import { planCell } from '../../scheduler/planCell.ts';
import type { WakeAttempt } from '../../store/wakes.ts';
import { cellState, HOUR_MS, START_MS, problemOf } from './cellFixture.ts';

const WITHIN_MS = wakeWithinMs(REAL_TIME);
const ASLEEP = [
  { vehicleId: 'CAR1', fused: {}, pluggedIn: true, online: false, socPercent: 79, updatedAtMs: START_MS },
];
const AWAKE = ASLEEP.map((state) => ({ ...state, online: true }));
const asked = (failures = 0): WakeAttempt => ({
  vehicleId: 'CAR1',
  requestedAtMs: START_MS,
  failures,
  retryAtMs: null,
});

test('a car has its time to wake up; then it is tried again with a back-off that doubles, up to four hours', () => {
  expect(settleWakes([asked()], ASLEEP, START_MS + WITHIN_MS - 1, WITHIN_MS)).toMatchObject({
    changed: [],
    failed: [],
  });
  const nowMs = START_MS + WITHIN_MS;
  const waits = [0, 1, 2, 3, 4, 5].map((failures) => {
    const [failed] = settleWakes([asked(failures)], ASLEEP, nowMs, WITHIN_MS).failed;
    expect(failed?.failures).toBe(failures + 1);
    return ((heldAsleepUntilMs(failed, nowMs) ?? nowMs) - nowMs) / MINUTE_MS;
  });
  expect(waits).toEqual([15, 30, 60, 120, 240, 240]);
});

test('a car that came online has woken, late or not, and its failures are forgotten', () => {
  const settled = settleWakes([asked(3)], AWAKE, START_MS + HOUR_MS, WITHIN_MS);
  expect(settled.failed).toEqual([]);
  expect(settled.changed).toEqual([{ vehicleId: 'CAR1', requestedAtMs: null, failures: 0, retryAtMs: null }]);
  expect(settleWakes(settled.attempts, AWAKE, START_MS + HOUR_MS, WITHIN_MS).changed).toEqual([]);
});

const plan = (wakes: readonly WakeAttempt[]) => {
  const state = cellState({ vehicleStates: ASLEEP, wakes });
  const problem = problemOf(state, 0);
  const planned = planCell(problem);
  const [claims] = claimsOfPlan(state, problem, planned, START_MS).plan;
  return { wakeUps: planned.wakeUps, codes: claims?.reasons.map(({ code }) => code) ?? [], cost: problem.cars[0] };
};

test('until it is tried again a car is planned without, and says why', () => {
  const failed = { vehicleId: 'CAR1', requestedAtMs: null, failures: 2, retryAtMs: START_MS + HOUR_MS };
  const woken = plan([]);
  expect(woken.wakeUps).toEqual([{ carId: 'CAR1', slot: 0 }]);
  expect(woken.cost?.wakeCostEur).toBeGreaterThan(0);
  expect(woken.codes).toContain('compute_wake_up');
  const held = plan([failed]);
  expect(held.wakeUps).toEqual([{ carId: 'CAR1', slot: 4 }]);
  expect(held.codes).toContain('wake_failed');
});

test('a car of a roll-out that sleeps at its plug is woken in the hour in which it is to fetch the version, and no other', () => {
  const order = { vehicleId: 'CAR1', name: 'm', version: '2', fromMs: START_MS, untilMs: START_MS + HOUR_MS };
  const inRollout = { rolloutFamilies: new Map([['CAR1', [{ family: 'f~1', base: 'f' }]]]) };
  const woken = (over: Parameters<typeof cellState>[0], nowMs = START_MS) =>
    wakesToFetch(cellState({ vehicleStates: ASLEEP, ...over }), [order], nowMs);
  expect(woken(inRollout)).toEqual([{ vehicleId: 'CAR1', reason: 'it is to fetch m 2' }]);
  expect(woken({})).toEqual([]);
  expect(woken({ ...inRollout, vehicleStates: AWAKE })).toEqual([]);
  expect(woken({ ...inRollout, openSessions: [] })).toEqual([]);
  expect(woken(inRollout, START_MS - 1)).toEqual([]);
  expect(woken(inRollout, START_MS + HOUR_MS)).toEqual([]);
  const failed = { vehicleId: 'CAR1', requestedAtMs: null, failures: 1, retryAtMs: START_MS + 1 };
  expect(woken({ ...inRollout, wakes: [failed] })).toEqual([]);
});
