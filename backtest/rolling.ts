import { DAY_MS, MINUTE_MS } from '../domain/durations.ts';
import { jobToPlan } from '../planning/jobToPlan.ts';
import type { ProblemParts } from '../planning/planningProblem.ts';
import { stayToPlan } from '../planning/stayToPlan.ts';
import { ARRIVAL_DAYS, type Arrival } from '../scheduler/arrivals.ts';
import { heatDerating } from '../scheduler/energy/compute.ts';
import type { Stay } from './traces/sessions.ts';
import { equipmentFor, FLEET_CLASSES, type Equipment } from './fleet.ts';
import { actualSignals, foreseenSignals } from './foresight.ts';
import { Ledger } from './ledger.ts';
import { nightOf, type NightJob } from './nights.ts';
import { PlanTimer } from './planTimer.ts';
import { SLOT_HOURS, SLOT_MINUTES, SLOT_MS, type PromisedStay, type Scenario } from './scenario.ts';
import { bookDeparture, bookEnergy, bookReadyBy, ENOUGH_KWH } from './settlement.ts';
import { TraceHabits } from './traceHabits.ts';
import { REGION, SHARD_MINUTES, traceCar, traceProblem } from './traceProblem.ts';

/** Setpoints of each car, kW at the plug by slot. */
export interface PolicyPlan {
  readonly cars: readonly {
    readonly carId: string;
    readonly chargeKw: readonly number[];
    readonly computeKw: readonly number[];
  }[];
}

/** Decides from what is known. */
export type Policy = (parts: ProblemParts) => Promise<PolicyPlan>;

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
/** Slots since the last change of charging, for a car that has just been plugged in. */
const LONG_AGO_SLOTS = 96;

export interface RollingResult {
  readonly ledger: Ledger;
  readonly timer: PlanTimer;
}

/**
 * Lives through the scenario slot by slot: plans from what is known at each moment, carries out the committed slot,
 * and books what really happened. A car that leaves within a slot stops charging there, and its unfinished compute is
 * lost.
 * @param isImpossible whether no policy could have served the stay, beyond what its own charger shows
 * @param onNight called with the date of each night as it begins, for a progress display
 */
export async function rollThrough(
  scenario: Scenario,
  policy: Policy,
  isImpossible: (stayId: string) => boolean,
  onNight: (night: string) => void = () => undefined,
): Promise<RollingResult> {
  const run = new Rolling(scenario, policy, isImpossible);
  let night = '';
  for (let nowMs = scenario.fromMs; nowMs < scenario.untilMs; nowMs += SLOT_MS) {
    const current = nightOf(nowMs, scenario.options.timeZone);
    if (current !== night) onNight(current);
    night = current;
    await run.liveThroughSlot(nowMs);
  }
  run.end();
  return { ledger: run.ledger, timer: run.timer };
}

class Rolling {
  readonly ledger = new Ledger();
  readonly timer = new PlanTimer();
  readonly #scenario: Scenario;
  readonly #policy: Policy;
  readonly #isImpossible: (stayId: string) => boolean;
  readonly #habits: TraceHabits;
  /** By arrival, and how many of them have arrived. */
  readonly #stays: readonly PromisedStay[];
  #arrived = 0;
  /** Of the last days, by plug-in. */
  readonly #arrivals: Arrival[];
  #open: OpenStay[] = [];
  readonly #jobs: readonly OpenJob[];
  /** Jobs before this one are past their deadline. */
  #firstJob = 0;
  #plan: PolicyPlan | undefined;
  #plannedAtMs = -Infinity;
  /** An arrival, a new batch, or a car that is behind its plan. */
  #hasNews = false;

  constructor(scenario: Scenario, policy: Policy, isImpossible: (stayId: string) => boolean) {
    this.#scenario = scenario;
    this.#policy = policy;
    this.#isImpossible = isImpossible;
    this.#stays = scenario.stays;
    this.#jobs = scenario.jobs.map((job) => ({ ...job, shardsRemaining: job.shards }));
    this.#habits = new TraceHabits(scenario.options.timeZone);
    for (const stay of scenario.earlier) this.#habits.learn(stay);
    this.#arrivals = scenario.earlier.map(arrivalOf).sort((a, b) => a.pluggedInMs - b.pluggedInMs);
  }

  async liveThroughSlot(nowMs: number): Promise<void> {
    this.#depart(nowMs);
    this.#arrive(nowMs);
    const job = this.#currentJob(nowMs);
    if (job === undefined && this.#open.every((car) => car.missingKwh <= ENOUGH_KWH)) {
      this.#plan = undefined;
      for (const car of this.#open) hold(car, 0, 0);
      return;
    }
    const plan = await this.#currentPlan(nowMs, job);
    const slot = Math.round((nowMs - this.#plannedAtMs) / SLOT_MS);
    this.#hasNews = carryOut(plan, slot, {
      scenario: this.#scenario,
      ledger: this.ledger,
      open: this.#open,
      job,
      nowMs,
    });
  }

  end(): void {
    for (const car of this.#open) this.#settle(car, Infinity);
  }

  #depart(nowMs: number): void {
    this.#open = this.#open.filter((car) => {
      this.#settle(car, nowMs);
      if (car.stay.pluggedOutMs > nowMs) return true;
      this.#habits.learn(car.stay);
      return false;
    });
  }

  #arrive(nowMs: number): void {
    for (let stay = this.#stays[this.#arrived]; stay && stay.firstSlotMs <= nowMs; stay = this.#stays[this.#arrived]) {
      this.#open.push(openStay(this.#scenario, stay));
      this.#arrivals.push(arrivalOf(stay));
      this.#arrived++;
      this.#hasNews = true;
    }
  }

  #settle(car: OpenStay, nowMs: number): void {
    const { stay, missingKwh } = car;
    if (!car.isJudged && nowMs >= Math.min(stay.readyByMs, stay.pluggedOutMs)) {
      car.isJudged = true;
      bookReadyBy(this.#scenario, this.ledger, stay, missingKwh, this.#isImpossible(stay.id));
      if (missingKwh > ENOUGH_KWH) this.#hasNews = true;
    }
    if (nowMs >= stay.pluggedOutMs) bookDeparture(this.#scenario, this.ledger, stay, missingKwh);
  }

  #currentJob(nowMs: number): OpenJob | undefined {
    const { timeZone } = this.#scenario.options;
    let job = this.#jobs[this.#firstJob];
    for (; job && job.deadlineMs <= nowMs; job = this.#jobs[++this.#firstJob]) {
      this.ledger.of(nightOf(job.releaseMs, timeZone)).shardsLate += job.shardsRemaining;
    }
    if (!job || job.releaseMs > nowMs || job.shardsRemaining === 0) return undefined;
    if (job.releaseMs === nowMs) this.#hasNews = true;
    return job;
  }

  async #currentPlan(nowMs: number, job: OpenJob | undefined): Promise<PolicyPlan> {
    const ageMs = nowMs - this.#plannedAtMs;
    if (this.#plan && !this.#hasNews && ageMs < this.#scenario.options.replanMinutes * MINUTE_MS) return this.#plan;
    const outdated = this.#arrivals.findIndex(({ pluggedInMs }) => pluggedInMs > nowMs - ARRIVAL_DAYS * DAY_MS);
    this.#arrivals.splice(0, Math.max(0, outdated));
    const promised = problemAt(this.#scenario, this.#habits, this.#open, job, nowMs);
    const plan = await this.timer.time(() => this.#policy({ promised, arrivals: this.#arrivals }));
    this.#plan = plan;
    this.#plannedAtMs = nowMs;
    return plan;
  }
}

function arrivalOf({ siteId, pluggedInMs, energyKwh }: Stay): Arrival {
  return { feederId: siteId, pluggedInMs, kwh: energyKwh };
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
  habits: TraceHabits,
  open: readonly OpenStay[],
  job: OpenJob | undefined,
  nowMs: number,
): ProblemParts['promised'] {
  const lastMs = Math.max(
    nowMs + 4 * SLOT_MS,
    job?.deadlineMs ?? 0,
    ...open.filter((car) => car.missingKwh > ENOUGH_KWH).map((car) => car.stay.readyByMs),
  );
  const count = Math.min(LONGEST_AXIS_SLOTS, Math.ceil((lastMs - nowMs) / SLOT_MS));
  const axis = { startMs: nowMs, slotMinutes: SLOT_MINUTES, count };
  const { timeZone, marketZone, prices, lateEurPerShard } = scenario.options;
  const cars = open.map((car) =>
    stayToPlan(axis, {
      car: {
        ...traceCar(scenario, car.stay, car.missingKwh > ENOUGH_KWH ? car.missingKwh : 0),
        chargingNow: car.chargingNow,
        computingNow: car.computingNow,
        chargeStartsSoFar: car.chargeStarts,
        slotsInChargeState: car.slotsInChargeState,
      },
      pluggedInMs: car.stay.pluggedInMs,
      readyByMs: car.stay.readyByMs,
      timeZone,
      habit: habits.users.get(car.stay.userId),
      siteHabit: habits.sites.get(car.stay.siteId),
    }),
  );
  const planned =
    job &&
    jobToPlan(axis, {
      id: job.id,
      // Part of a shard may be done: what is left of it is still one shard to hand out.
      shardsRemaining: Math.ceil(job.shardsRemaining),
      classes: SHARD_MINUTES,
      regionIds: [REGION],
      deadlineMs: job.deadlineMs,
      lateEurPerShard,
    });
  return traceProblem(
    scenario,
    axis,
    foreseenSignals(scenario.signals, axis, marketZone, prices),
    cars,
    planned ? [planned] : [],
  );
}

/** @returns whether a car was charged for less of the slot than the plan assumes, so that a new plan is due */
function carryOut(
  plan: PolicyPlan,
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
