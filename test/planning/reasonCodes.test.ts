import { quarantineReason } from '../../activities/trust/quarantine.ts';
import { workReason } from '../../activities/jobs/holdAgainst.ts';
import { describe, expect, test } from 'vitest';
import { claimsOfPlan } from '../../planning/carClaims.ts';
import type { CellState } from '../../planning/cellState.ts';
import { initialState, type FusedState } from '../../api/ingress/fusedState.ts';
import { NEW_TRACK, trackPower } from '../../api/ingress/plausibility.ts';
import { claimUpdateOf } from '../../api/ingress/telemetryClaims.ts';
import { CAR_REASONS, type CarReason, type CarReasonCode } from '../../domain/claims.ts';
import { operatorReasons } from '../../domain/operatorHold.ts';
import type { OwnerPolicy } from '../../domain/vehicles.ts';
import { planCell } from '../../scheduler/planCell.ts';
import type { PlanningProblem } from '../../scheduler/problem.ts';
import { PLAN_REASONS, type PlanReasonCode } from '../../scheduler/reasons.ts';
import { keepPlan } from '../../scheduler/replan.ts';
import type { Plan } from '../../scheduler/plan.ts';
import { cellState, HOUR_MS, span, START_MS, VEHICLE, problemOf } from './cellFixture.ts';
import { night } from '../scheduler/nights.ts';

const CHEAP_LATER = [30, 10, 20, 40];
const RUNNING = { slotsInChargeState: 5, chargingNow: true } as const;
const of = (...given: Parameters<typeof night>): Plan => planCell(night(...given));
const withRegion = (problem: PlanningProblem, over: Partial<PlanningProblem['regions'][number]>): PlanningProblem => ({
  ...problem,
  regions: problem.regions.map((region) => ({ ...region, ...over })),
});
const withFeeder = (problem: PlanningProblem, over: Partial<PlanningProblem['feeders'][number]>): PlanningProblem => ({
  ...problem,
  feeders: problem.feeders.map((feeder) => ({ ...feeder, ...over })),
});

const withoutSignal = (kind: string): Plan =>
  planCell(problemOf(cellState({ signals: cellState().signals.filter((signal) => signal.kind !== kind) }), 0));

/** A night for each code in which a plan says it. The type asks for every code, and for none that is gone. */
const NIGHTS: Record<PlanReasonCode, () => Plan> = {
  charging_cheapest_slot: () => of([10, 20, 30], { cars: [{ needKwh: 10 }] }),
  charging_may_leave: () => of([20, 10], { cars: [{ needKwh: 10, survival: [1, 0.5] }] }),
  charging_minimum_soc: () => of([90, 10], { cars: [{ needKwh: 15, minimumNeedKwh: 5 }] }),
  charging_no_slack: () => of([10, 20], { cars: [{ needKwh: 20 }] }),
  charging_negative_price: () => of([-5, 20], { cars: [{ needKwh: 5 }] }),
  charging_late: () => of([30, 10], { cars: [{ needKwh: 5, readyBySlot: 0 }] }),
  waiting_for_cheaper_slot: () => of(CHEAP_LATER, { cars: [{ needKwh: 10 }] }),
  waiting_feeder_limit: () =>
    of([10, 20, 30], { cars: [{ needKwh: 10 }, { needKwh: 10, readyBySlot: 1 }], limitKw: 10 }),
  waiting_below_minimum_current: () =>
    of([10, 20, 30], {
      cars: [
        { needKwh: 10, chargerMinKw: 4 },
        { needKwh: 10, readyBySlot: 1 },
      ],
      limitKw: 12,
    }),
  waiting_too_cold: () => of([10, 20], { cars: [{ needKwh: 5, chargeFromCelsius: 0 }], celsius: -3 }),
  kept_on: () =>
    of([4, 1, 7, 2, 5], { cars: [{ needKwh: 20, chargeStartsSoFar: 1, ...RUNNING }], rules: { maxChargeStarts: 1 } }),
  kept_off: () =>
    of([1, 7, 7], {
      cars: [{ needKwh: 10, chargerMinKw: 4, slotsInChargeState: 1 }],
      rules: { maxChargeStarts: 1, minStateMinutes: 120 },
    }),
  target_reached: () => of([10]),
  not_plugged_in: () => of([10, 10], { cars: [{ pluggedFromSlot: 1 }] }),
  ready_by_at_risk: () => of([10], { cars: [{ needKwh: 50 }] }),
  computing_granted: () => of([10, 20], { jobs: [{}] }),
  compute_no_work: () => of([10]),
  compute_cheaper_later: () => of([20, 10], { jobs: [{}] }),
  compute_other_cars_first: () => of([10], { cars: [{}, {}], jobs: [{}] }),
  compute_owner_hours: () => of([10, 10], { cars: [{ computeAllowed: [false, true] }], jobs: [{}] }),
  compute_opted_out: () => of([10], { cars: [{ computeOptIn: false }], jobs: [{}] }),
  compute_too_hot: () => of([10], { jobs: [{}], celsius: 41 }),
  compute_derated_by_heat: () => of([10, 10, 10], { jobs: [{}], celsius: 35 }),
  compute_soc_floor: () => of([10, 10], { cars: [{ needKwh: 10, computeFloorNeedKwh: 5 }], jobs: [{}] }),
  compute_feeder_limit: () => of([10, 20], { jobs: [{}], limitKw: [1, 10] }),
  compute_plug_limit: () => of([10, 20], { cars: [{ needKwh: 10, plugLimitKw: 10, readyBySlot: 1 }], jobs: [{}] }),
  compute_asleep: () => of([10], { cars: [{}, { asleep: true, wakeCostEur: 1 }], jobs: [{}] }),
  compute_wake_up: () => of([10], { cars: [{ asleep: true }], jobs: [{}] }),
  compute_wake_cap: () => of([10], { cars: [{ asleep: true }], jobs: [{}], rules: { maxWakeUpsPerSlot: 0 } }),
  job_running: () => of([10, 20], { jobs: [{}] }),
  job_no_slack: () => of([10, 20], { jobs: [{ shardsRemaining: 2 }] }),
  job_waiting_for_cheaper_slot: () => of([20, 10], { jobs: [{}] }),
  job_window_not_open: () => of([10, 10], { jobs: [{ windowStartSlot: 1 }] }),
  job_window_closed: () => of([10, 10], { jobs: [{ windowEndSlot: 0 }] }),
  job_price_cap: () => of([30, 10], { jobs: [{ priceCapEurPerKwh: 0.2 }] }),
  job_carbon_cap: () =>
    planCell(withRegion(night([10, 10], { jobs: [{ carbonCapGPerKwh: 100 }] }), { carbonGPerKwh: [300, 50] })),
  job_no_car: () => of([10], { cars: [{ computeOptIn: false }], jobs: [{}] }),
  job_deadline_at_risk: () => of([10], { jobs: [{ shardsRemaining: 9 }] }),
  job_finishes: () => of([10, 20], { jobs: [{}] }),
  signal_fallback: () => withoutSignal('price'),
  import_limit_fail_safe: () => of([10], { limitKw: [null] }),
  house_load_unknown: () => withoutSignal('house_load'),
  emergency_limit: () => planCell(withFeeder(night([10], { limitKw: 3 }), { houseLoadKw: [5] })),
  previous_plan_kept: () => keepPlan(of([10], { cars: [{ needKwh: 5 }] }), night([10], { cars: [{ needKwh: 5 }] })),
};

/** What a plan of the fixture's cell says of its car, beside what the car's owner and telemetry say. */
function claims(over: Partial<CellState>, policy: Partial<OwnerPolicy> = {}): readonly CarReason[] {
  const state = cellState({ vehicles: [{ ...VEHICLE, policy: { ...VEHICLE.policy, ...policy } }], ...over });
  const problem = problemOf(state, 0);
  const { plan, policy: ownerClaims } = claimsOfPlan(state, problem, planCell(problem), START_MS);
  return [...plan, ...ownerClaims].flatMap(({ reasons }) => reasons);
}

/** What telemetry says of a car that is plugged in and online, but for what is given. */
function heard(over: Partial<FusedState>): readonly CarReason[] {
  const before: FusedState = { ...initialState(START_MS), plug: 'plugged', online: true, connectionIds: ['a'] };
  return claimUpdateOf('CAR1', before, { ...before, ...over }, START_MS)?.reasons ?? [];
}

const SOON = START_MS + HOUR_MS;
const CAR = { vehicleId: 'CAR1', fused: {}, pluggedIn: true, online: true, socPercent: 30, updatedAtMs: START_MS };
const withLimit = (kw: number) => [
  ...cellState().signals.filter(({ kind }) => kind !== 'import_limit'),
  span('import_limit', kw, { feederId: 'street' }),
];

const CAR_NIGHTS: Record<CarReasonCode, () => readonly CarReason[]> = {
  away: () => heard({ plug: 'away' }),
  may_be_leaving: () =>
    heard({ plug: 'doubted', values: { Gear: { value: 'D', atMs: START_MS, live: true } }, doubtedAtMs: START_MS }),
  asleep: () => heard({ online: false, connectionIds: [] }),
  telemetry_not_trusted: () => heard({ energy: trackPower(NEW_TRACK, VEHICLE, 40, 3) }),
  work_not_trusted: () => [workReason({ text: 'It claimed 500 kWh.', value: 500, limit: 1 })],
  excluded_by_operator: () => operatorReasons({ reason: 'its modem is changed' }),
  quarantined: () => [quarantineReason({ text: 'It is in quarantine.', value: 9, limit: 10 })],
  wake_failed: () =>
    claims({
      vehicleStates: [{ ...CAR, online: false }],
      wakes: [{ vehicleId: 'CAR1', requestedAtMs: null, failures: 2, retryAtMs: SOON }],
    }),
  charge_refused: () => {
    const [told] = planCell(problemOf(cellState(), 0)).cars;
    const fused = { values: { ACChargingPower: { value: 0, atMs: START_MS - 60_000, live: true } } };
    const previous = planCell(problemOf(cellState(), 0));
    return claims({
      vehicleStates: [{ ...CAR, fused }],
      previous: { ...previous, cars: told ? [{ ...told, chargeKw: [7], computeKw: [0] }] : [] },
      chargeCycles: [{ vehicleId: 'CAR1', stay: 1, starts: 1, charging: true, changedAtMs: START_MS - HOUR_MS / 4 }],
    });
  },
  grid_emergency: () => claims({ signals: withLimit(3) }),
  owner_opted_out: () => claims({}, { computeOptIn: false }),
  owner_opted_out_tonight: () => claims({}, { optOutUntilMs: SOON }),
  owner_boost: () => claims({}, { boostUntilMs: SOON }),
  owner_hours: () => claims({}, { computeHours: [{ from: '23:00', until: '06:00' }] }),
  owner_price_limit: () => claims({}, { maxComputeEurPerKwh: 0.05 }),
};

function codesOf<Code extends string>(registry: Readonly<Record<Code, string>>): Code[] {
  return Object.keys(registry).filter((code): code is Code => code in registry);
}

describe('every reason is said by somebody', () => {
  test.each(codesOf(PLAN_REASONS))('of a plan: %s', (code) => {
    const plan = NIGHTS[code]();
    const said = [plan, ...plan.cars, ...plan.jobs].flatMap(({ reasons }) => reasons);
    expect(said.map((each) => each.code)).toContain(code);
    expect(said.find((each) => each.code === code)?.text).not.toBe('');
  });

  test.each(codesOf(CAR_REASONS))('of a car: %s', (code) => {
    const said = CAR_NIGHTS[code]();
    expect(said.map((each) => each.code)).toContain(code);
    expect(said.find((each) => each.code === code)?.text).not.toBe('');
  });
});
