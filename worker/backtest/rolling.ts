import type { Plan } from '../../scheduler/plan.ts';
import type { PlanningProblem } from '../../scheduler/problem.ts';
import { heatDerating } from '../../scheduler/energy/compute.ts';
import { equipmentFor, FLEET_CLASSES, type Equipment } from './fleet.ts';
import { actualSignals, foreseenSignals } from './foresight.ts';
import { Habits } from './habits.ts';
import { Ledger } from './ledger.ts';
import { nightOf, type NightJob } from './nights.ts';
import { SLOT_HOURS, SLOT_MINUTES, SLOT_MS, type PromisedStay, type Scenario } from './scenario.ts';
import { bookDeparture, bookEnergy, bookReadyBy, ENOUGH_KWH } from './settlement.ts';
import { LONG_AGO_SLOTS, slotProblem, type PlannedStay } from './slotProblem.ts';

/** Plans a cell from what is known; the previous plan is the one that is being carried out. */
export type Policy = (problem: PlanningProblem, previous: Plan | undefined) => Plan;

interface OpenStay {
  readonly stay: PromisedStay;
  readonly equipment: Equipment;
  missingKwh: number;
  chargingNow: boolean;
  computingNow: boolean;
  chargeStarts: number;
  slotsInChargeState: number;
  /** Set once its ready-by has passed. */
  isJudged: boolean;
}

interface OpenJob extends NightJob {
  shardsRemaining: number;
}

const LONGEST_AXIS_SLOTS = 192;

export interface RollingResult {
  readonly ledger: Ledger;
  readonly plans: number;
  readonly planningMs: number;
  readonly slowestPlanMs: number;
}

/**
 * Lives through the scenario slot by slot: plans from what is known at each moment, carries out the committed slot,
 * and books what really happened. A car that leaves within a slot stops charging there, and its unfinished compute is
 * lost.
 * @param isImpossible whether no policy could have served the stay, beyond what its own charger shows
 * @param onSlot called now and then with the part that is done, for a progress display
 */
export function rollThrough(
  scenario: Scenario,
  policy: Policy,
  isImpossible: (stayId: string) => boolean,
  onSlot: (part: number) => void = () => undefined,
): RollingResult {
  const { options, fromMs, untilMs } = scenario;
  const ledger = new Ledger();
  const habits = new Habits(options.timeZone);
  for (const stay of scenario.earlier) habits.learn(stay);
  const arrivals = scenario.stays.values();
  let arriving = arrivals.next();
  let open: OpenStay[] = [];
  const jobs: OpenJob[] = scenario.jobs.map((job) => ({ ...job, shardsRemaining: job.shards }));
  let firstJob = 0;
  let plan: Plan | undefined;
  let plannedAtMs = -Infinity;
  let plans = 0;
  let planningMs = 0;
  let slowestPlanMs = 0;

  const settle = (car: OpenStay, nowMs: number): void => {
    const { stay } = car;
    if (!car.isJudged && nowMs >= Math.min(stay.readyByMs, stay.pluggedOutMs)) {
      car.isJudged = true;
      bookReadyBy(scenario, ledger, stay, car.missingKwh, isImpossible(stay.id));
    }
    if (nowMs >= stay.pluggedOutMs) bookDeparture(scenario, ledger, stay, car.missingKwh);
  };

  let hasNews = false;
  for (let nowMs = fromMs; nowMs < untilMs; nowMs += SLOT_MS) {
    open = open.filter((car) => {
      settle(car, nowMs);
      if (car.stay.pluggedOutMs > nowMs) return true;
      habits.learn(car.stay);
      return false;
    });
    for (; !arriving.done && arriving.value.firstSlotMs <= nowMs; arriving = arrivals.next()) {
      open.push(openStay(scenario, arriving.value));
      hasNews = true;
    }
    for (let job = jobs[firstJob]; job && job.deadlineMs <= nowMs; job = jobs[++firstJob]) {
      ledger.of(nightOf(job.releaseMs, options.timeZone)).shardsLate += job.shardsRemaining;
    }
    const job = jobs[firstJob];
    const openJob = job && job.releaseMs <= nowMs && job.shardsRemaining > 0 ? job : undefined;
    if (openJob?.releaseMs === nowMs) hasNews = true;

    const isIdle = openJob === undefined && open.every((car) => car.missingKwh <= ENOUGH_KWH);
    if (isIdle) {
      plan = undefined;
      for (const car of open) hold(car, 0, 0);
      continue;
    }
    if (!plan || hasNews || nowMs - plannedAtMs >= options.replanMinutes * 60_000) {
      const problem = problemAt(scenario, habits, open, openJob, nowMs);
      const startedMs = performance.now();
      plan = policy(problem, plan);
      const tookMs = performance.now() - startedMs;
      planningMs += tookMs;
      slowestPlanMs = Math.max(slowestPlanMs, tookMs);
      plannedAtMs = nowMs;
      hasNews = false;
      plans++;
    }
    const slot = Math.round((nowMs - plannedAtMs) / SLOT_MS);
    hasNews = carryOut(plan, slot, { scenario, ledger, open, job: openJob, nowMs });
    onSlot((nowMs - fromMs) / (untilMs - fromMs));
  }
  for (const car of open) settle(car, Infinity);
  return { ledger, plans, planningMs, slowestPlanMs };
}

function openStay(scenario: Scenario, stay: PromisedStay): OpenStay {
  return {
    stay,
    equipment: equipmentFor(scenario, stay),
    missingKwh: stay.energyKwh,
    chargingNow: false,
    computingNow: false,
    chargeStarts: 0,
    slotsInChargeState: LONG_AGO_SLOTS,
    isJudged: false,
  };
}

function problemAt(
  scenario: Scenario,
  habits: Habits,
  open: readonly OpenStay[],
  job: OpenJob | undefined,
  nowMs: number,
): PlanningProblem {
  const lastMs = Math.max(
    nowMs + 4 * SLOT_MS,
    job?.deadlineMs ?? 0,
    ...open.filter((car) => car.missingKwh > ENOUGH_KWH).map((car) => car.stay.readyByMs),
  );
  const count = Math.min(LONGEST_AXIS_SLOTS, Math.ceil((lastMs - nowMs) / SLOT_MS));
  const axis = { startMs: nowMs, slotMinutes: SLOT_MINUTES, count };
  const planned = open.map((car): PlannedStay => {
    const survival = habits.survival(car.stay, nowMs, SLOT_MS, count);
    return {
      stay: car.stay,
      equipment: car.equipment,
      missingKwh: car.missingKwh > ENOUGH_KWH ? car.missingKwh : 0,
      fromSlot: 0,
      untilSlot: count,
      survival,
      chargingNow: car.chargingNow,
      computingNow: car.computingNow,
      chargeStartsSoFar: car.chargeStarts,
      slotsInChargeState: car.slotsInChargeState,
    };
  });
  const foreseen = foreseenSignals(scenario.signals, axis, scenario.options.marketZone);
  return slotProblem(scenario, axis, foreseen, planned, job ? [job] : []);
}

/** @returns whether a car was charged for less of the slot than the plan assumes, so that a new plan is due */
function carryOut(
  plan: Plan,
  slot: number,
  now: {
    readonly scenario: Scenario;
    readonly ledger: Ledger;
    readonly open: readonly OpenStay[];
    readonly job: OpenJob | undefined;
    readonly nowMs: number;
  },
): boolean {
  let isBehind = false;
  const { scenario, ledger, open, job, nowMs } = now;
  const actual = actualSignals(scenario.signals, { startMs: nowMs, slotMinutes: SLOT_MINUTES, count: 1 });
  const derating = heatDerating(actual.ambientCelsius[0] ?? 0);
  const planOf = new Map(plan.cars.map((car) => [car.carId, car]));
  for (const car of open) {
    const setpoints = planOf.get(car.stay.id);
    const presentMs = Math.min(car.stay.pluggedOutMs, nowMs + SLOT_MS) - Math.max(car.stay.pluggedInMs, nowMs);
    const presentPart = presentMs / SLOT_MS;
    const chargeKw = car.missingKwh > ENOUGH_KWH ? (setpoints?.chargeKw[slot] ?? 0) : 0;
    const computeKw = job && job.shardsRemaining > 0 ? (setpoints?.computeKw[slot] ?? 0) : 0;
    const chargeKwh = Math.min(car.missingKwh, chargeKw * presentPart * SLOT_HOURS);
    const computeKwh = computeKw * presentPart * SLOT_HOURS;
    car.missingKwh -= chargeKwh;
    bookEnergy(scenario, ledger, nowMs, { chargeKwh, computeKwh });
    if (presentPart < 1 && chargeKw > 0 && car.missingKwh > ENOUGH_KWH) isBehind = true;
    hold(car, chargeKw, computeKw);
    if (job && computeKw > 0 && presentPart === 1) {
      const hardware = FLEET_CLASSES.find(({ id }) => id === car.equipment.hardwareClass);
      const shards = Math.min(job.shardsRemaining, (derating * SLOT_MINUTES) / (hardware?.shardMinutes ?? Infinity));
      job.shardsRemaining -= shards;
      ledger.of(nightOf(job.releaseMs, scenario.options.timeZone)).shardsDone += shards;
    }
  }
  return isBehind;
}

function hold(car: OpenStay, chargeKw: number, computeKw: number): void {
  const isCharging = chargeKw > 0;
  if (isCharging && !car.chargingNow) car.chargeStarts++;
  car.slotsInChargeState = isCharging === car.chargingNow ? car.slotsInChargeState + 1 : 1;
  car.chargingNow = isCharging;
  car.computingNow = computeKw > 0;
}
