import { describe, expect, test } from 'vitest';
import { claimsOfPlan } from '../../planning/carClaims.ts';
import type { CellState } from '../../planning/cellState.ts';
import { heldBy } from '../../domain/claims.ts';
import type { OwnerPolicy } from '../../domain/vehicles.ts';
import { planCell } from '../../scheduler/planCell.ts';
import { cellState, HOUR_MS, span, START_MS, VEHICLE, problemOf } from './cellFixture.ts';

/** Claims of the fixture's car, planned for real, with its policy changed. */
function claims(policy: Partial<OwnerPolicy>, over: Partial<CellState> = {}) {
  const state = cellState({ vehicles: [{ ...VEHICLE, policy: { ...VEHICLE.policy, ...policy } }], ...over });
  const problem = problemOf(state, 0);
  const plan = planCell(problem);
  const updates = claimsOfPlan(state, problem, plan, START_MS);
  const reasons = [...updates.policy, ...updates.plan].flatMap(({ reasons }) => reasons);
  return { reasons, plan, codes: reasons.map(({ code }) => code), holder: heldBy(reasons) };
}
const FULL: Partial<CellState> = {
  vehicleStates: [
    { vehicleId: 'CAR1', fused: {}, pluggedIn: true, online: true, socPercent: 79, updatedAtMs: START_MS },
  ],
};
const computes = ({ plan }: ReturnType<typeof claims>): boolean => (plan.cars[0]?.computeKw[0] ?? 0) > 0;

describe('claims of a plan', () => {
  test('a car that computes is held by the plan', () => {
    const found = claims({}, FULL);
    expect(computes(found)).toBe(true);
    expect(found.codes).toContain('computing_granted');
  });

  test.each([
    ['within its slot: from then on', 5, 5],
    ['ahead of its slot: from its start', -2, 0],
  ])('what a plan says holds, where it is made %s', (_, madeMinutes, fromMinutes) => {
    const state = cellState(FULL);
    const problem = problemOf(state, 0);
    const { plan, policy } = claimsOfPlan(state, problem, planCell(problem), START_MS + madeMinutes * 60_000);
    expect([...plan, ...policy].map(({ atMs }) => atMs - START_MS)).toEqual([
      fromMinutes * 60_000,
      fromMinutes * 60_000,
    ]);
  });

  test('an opt-out of the night stops compute in this slot, not the charge', () => {
    const found = claims({ optOutUntilMs: START_MS + HOUR_MS }, FULL);
    expect(computes(found)).toBe(false);
    expect(found).toMatchObject({ holder: 'owner_now' });
    expect(found.codes).toContain('owner_opted_out_tonight');
    expect(found.plan.cars[0]?.computeKw.slice(4).some((kw) => kw > 0)).toBe(true);
    expect(found.plan.unmet.filter(({ kind }) => kind === 'ready_by')).toEqual([]);
  });

  test('an opt-out for good stops compute in every slot', () => {
    const found = claims({ computeOptIn: false }, FULL);
    expect(found.plan.cars[0]?.computeKw.every((kw) => kw === 0)).toBe(true);
    expect(found.codes).toContain('owner_opted_out');
  });

  test('a price above the owner’s limit is named with both figures', () => {
    const found = claims({ maxComputeEurPerKwh: 0.05 }, FULL);
    expect(computes(found)).toBe(false);
    expect(found.reasons).toContainEqual(
      expect.objectContaining({ code: 'owner_price_limit', holder: 'limit', value: 0.1, limit: 0.05 }),
    );
  });

  test('outside the owner’s hours it waits for them', () => {
    // The fixture's night begins at 21:00 in Berlin.
    const found = claims({ computeHours: [{ from: '22:00', until: '06:00' }] }, FULL);
    expect(found.codes).toContain('owner_hours');
    expect(found.plan.cars[0]?.computeKw.findIndex((kw) => kw > 0)).toBe(4);
  });

  test('boost charges at once, at any price', () => {
    const dearNow = [
      span('price', 0.9, { endMs: START_MS + HOUR_MS }),
      span('price', 0.1, { startMs: START_MS + HOUR_MS }),
      ...cellState().signals.filter(({ kind }) => kind !== 'price'),
    ];
    const waits = claims({ minimumSocPercent: 0 }, { ...FULL, signals: dearNow });
    expect(waits.plan.cars[0]?.chargeKw[0]).toBe(0);
    const boosted = claims({ minimumSocPercent: 0, boostUntilMs: START_MS + HOUR_MS }, { ...FULL, signals: dearNow });
    expect(boosted.plan.cars[0]?.chargeKw[0]).toBeGreaterThan(0);
    expect(boosted).toMatchObject({ holder: 'owner_now' });
    expect(boosted.codes).toContain('owner_boost');
  });

  test('a grid emergency holds the car above its owner, whose wish stays', () => {
    const signals = [
      ...cellState().signals.filter(({ kind }) => kind !== 'import_limit'),
      span('import_limit', 3, { feederId: 'street' }),
    ];
    const found = claims({ boostUntilMs: START_MS + HOUR_MS }, { signals });
    expect(found.plan.cars[0]?.chargeKw[0]).toBe(0);
    expect(found.holder).toBe('grid_emergency');
    expect(found.reasons).toContainEqual(expect.objectContaining({ code: 'grid_emergency', value: 4, limit: 3 }));
    expect(found.codes).toContain('owner_boost');
  });

  test('heat is safety’s claim', () => {
    const signals = [...cellState().signals.filter(({ kind }) => kind !== 'temperature'), span('temperature', 41)];
    const found = claims({}, { ...FULL, signals });
    expect(found.holder).toBe('safety');
    expect(found.reasons).toContainEqual(expect.objectContaining({ code: 'compute_too_hot', value: 41, limit: 40 }));
  });

  test('a battery that is too cold to be charged is safety’s claim, with the temperature and the limit', () => {
    const signals = [...cellState().signals.filter(({ kind }) => kind !== 'temperature'), span('temperature', -4)];
    const found = claims({ computeOptIn: false }, { signals, jobs: [] });
    expect(found.plan.cars[0]?.chargeKw.every((kw) => kw === 0)).toBe(true);
    expect(found.holder).toBe('safety');
    expect(found.reasons).toContainEqual(expect.objectContaining({ code: 'waiting_too_cold', value: -4, limit: 0 }));
    expect(found.plan.unmet.map(({ kind, bindingLimits }) => [kind, bindingLimits[0]?.kind])).toEqual([
      ['ready_by', 'battery_cold'],
      ['minimum_soc', 'battery_cold'],
    ]);
  });

  test('a car whose telemetry is not trusted charges and does not compute', () => {
    const found = claims({}, { distrusted: new Set(['CAR1']) });
    expect(found.plan.cars[0]?.computeKw.every((kw) => kw === 0)).toBe(true);
    expect(found.plan.cars[0]?.chargeKw.some((kw) => kw > 0)).toBe(true);
  });

  test.each([
    ['a car that was told to charge and does not', 0, true],
    ['one that computes only', 1.2, true],
    ['one that charges', 8, false],
  ])('%s', (_, powerKw, isRefused) => {
    const previous = planCell(problemOf(cellState(), 0));
    const told = {
      ...previous.cars[0],
      carId: 'CAR1',
      chargeKw: [7],
      computeKw: [1.2],
      startDelaySeconds: 0,
      reasons: [],
    };
    const changedAtMs = START_MS - HOUR_MS / 4;
    const fused = { values: { ACChargingPower: { value: powerKw, atMs: START_MS - 60_000, live: true } } };
    const found = claims(
      {},
      {
        previous: { ...previous, cars: [told] },
        chargeCycles: [{ vehicleId: 'CAR1', stay: 1, starts: 1, charging: true, changedAtMs }],
        vehicleStates: [
          { vehicleId: 'CAR1', fused, pluggedIn: true, online: true, socPercent: 30, updatedAtMs: START_MS },
        ],
      },
    );
    expect(found.codes.includes('charge_refused')).toBe(isRefused);
  });
});
