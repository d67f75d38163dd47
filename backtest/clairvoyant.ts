import { planCell } from '../scheduler/planCell.ts';
import type { CarInput } from '../planning/stayToPlan.ts';
import { planningProblemSchema, type PlanningProblem } from '../scheduler/problem.ts';
import { slotAt, slotsWithin, slotStartMs, type SlotAxis } from '../scheduler/time.ts';
import { actualSignals } from './foresight.ts';
import { Ledger } from './ledger.ts';
import { nightOf, type NightJob } from './nights.ts';
import { PlanTimer } from './planTimer.ts';
import { SLOT_HOURS, SLOT_MINUTES, SLOT_MS, type PromisedStay, type Scenario } from './scenario.ts';
import { bookDeparture, bookEnergy, bookReadyBy, ENOUGH_KWH } from './settlement.ts';
import { reachableKwh, REGION, SHARD_MINUTES, traceCar, traceProblem } from './traceProblem.ts';

export interface ClairvoyantResult {
  readonly ledger: Ledger;
  /** Stays that even this plan could not make ready, for which a policy is not blamed. */
  readonly impossible: ReadonlySet<string>;
  readonly timer: PlanTimer;
}

/**
 * The planner with real prices, carbon, temperatures and departures. The stays that begin in one night are planned
 * together, each night as if it had the feeders to itself: that relaxes the few hours in which stays of two nights
 * meet, so the sum is no dearer than the true optimum but for the gap that the planner certifies.
 */
export async function planClairvoyantly(scenario: Scenario): Promise<ClairvoyantResult> {
  const ledger = new Ledger();
  const impossible = new Set<string>();
  const timer = new PlanTimer();
  for (const night of nightsOf(scenario)) {
    const { problem, wantedKwh } = nightProblem(scenario, night);
    const plan = await timer.time(() => planCell(problem));
    for (const [index, stay] of night.stays.entries()) {
      const car = plan.cars.find(({ carId }) => carId === stay.id);
      let leftKwh = stay.energyKwh;
      for (const [slot, kw] of (car?.chargeKw ?? []).entries()) {
        // Least current can make the last slot longer than the need: the car stops by itself.
        const chargeKwh = Math.min(leftKwh, kw * SLOT_HOURS);
        leftKwh -= chargeKwh;
        bookEnergy(scenario, ledger, slotStartMs(problem.slots, slot), { chargeKwh, computeKwh: 0 });
      }
      if (stay.energyKwh - leftKwh < (wantedKwh[index] ?? 0) - ENOUGH_KWH) impossible.add(stay.id);
      bookReadyBy(scenario, ledger, stay, leftKwh, impossible.has(stay.id));
      bookDeparture(scenario, ledger, stay, leftKwh);
    }
    for (const [slot] of problem.regions[0]?.priceEurPerKwh.entries() ?? []) {
      const computeKwh = plan.cars.reduce((kwh, car) => kwh + (car.computeKw[slot] ?? 0) * SLOT_HOURS, 0);
      bookEnergy(scenario, ledger, slotStartMs(problem.slots, slot), { chargeKwh: 0, computeKwh });
    }
    const { job } = night;
    if (job) {
      const done = Math.min(job.shards, plan.jobs[0]?.expectedShards ?? 0);
      const booked = ledger.of(night.night);
      booked.shardsDone += done;
      booked.shardsLate += job.shards - done;
    }
  }
  return { ledger, impossible, timer };
}

interface Night {
  readonly night: string;
  readonly stays: PromisedStay[];
  readonly job: NightJob | undefined;
}

function nightsOf(scenario: Scenario): Night[] {
  const { timeZone } = scenario.options;
  const jobs = new Map(scenario.jobs.map((job) => [nightOf(job.releaseMs, timeZone), job]));
  const stays = new Map<string, PromisedStay[]>();
  for (const stay of scenario.stays) {
    const night = nightOf(stay.pluggedInMs, timeZone);
    stays.set(night, [...(stays.get(night) ?? []), stay]);
  }
  const names = new Set([...stays.keys(), ...jobs.keys()]);
  return [...names].map((night) => ({ night, stays: stays.get(night) ?? [], job: jobs.get(night) }));
}

/** The night as one problem, and what it asks to charge into each of its stays. */
function nightProblem(
  scenario: Scenario,
  { stays, job }: Night,
): { problem: PlanningProblem; wantedKwh: readonly number[] } {
  const own = stays.map((stay) => withReachableReadyBy(scenario, stay));
  // The batch may also run on cars that were plugged in before the night began; they are charged in their own night.
  const guests = job
    ? scenario.stays.filter((stay) => overlaps(stay, job.releaseMs, job.deadlineMs) && !stays.includes(stay))
    : [];
  const startMs = Math.min(job?.releaseMs ?? Infinity, ...own.map((stay) => stay.firstSlotMs));
  const endMs = Math.max(job?.deadlineMs ?? 0, ...own.map((stay) => Math.min(stay.readyByMs, stay.pluggedOutMs)));
  const count = Math.max(1, Math.ceil((endMs - startMs) / SLOT_MS));
  const axis = { startMs, slotMinutes: SLOT_MINUTES, count };
  const wantedKwh = own.map((stay) => Math.min(stay.energyKwh, reachableKwh(scenario, stay)));
  const cars = [
    ...own.map((stay, index) => knownCar(scenario, axis, stay, wantedKwh[index] ?? 0)),
    ...guests.map((stay) => knownCar(scenario, axis, stay, 0)),
  ];
  const jobs = job
    ? [
        {
          id: job.id,
          shardsRemaining: job.shards,
          classes: SHARD_MINUTES,
          regionIds: [REGION],
          windowStartSlot: slotsWithin(axis, job.releaseMs, job.deadlineMs).from,
          windowEndSlot: slotsWithin(axis, job.releaseMs, job.deadlineMs).until,
        },
      ]
    : [];
  const signals = actualSignals(scenario.signals, axis);
  return { problem: planningProblemSchema.parse(traceProblem(scenario, axis, signals, cars, jobs)), wantedKwh };
}

/** A ready-by that cannot be kept does not bind, so that the energy behind it is bought as well as it can be. */
function withReachableReadyBy(scenario: Scenario, stay: PromisedStay): PromisedStay {
  const isReachable = reachableKwh(scenario, stay) >= stay.energyKwh;
  return isReachable ? stay : { ...stay, readyByMs: stay.pluggedOutMs };
}

function overlaps(stay: PromisedStay, fromMs: number, untilMs: number): boolean {
  return stay.pluggedInMs < untilMs && stay.pluggedOutMs > fromMs;
}

/** A stay with its real departure, in the slots that it touches; ready-by takes the slot in which it lies. */
function knownCar(scenario: Scenario, axis: SlotAxis, stay: PromisedStay, missingKwh: number): CarInput {
  const pluggedFromSlot = Math.min(axis.count, Math.max(0, slotAt(axis, stay.firstSlotMs)));
  const untilSlot = Math.max(pluggedFromSlot, Math.min(axis.count, slotAt(axis, stay.pluggedOutMs - 1) + 1));
  const readyBySlot = Math.max(pluggedFromSlot, Math.min(untilSlot, slotAt(axis, stay.readyByMs - 1) + 1));
  return { ...traceCar(scenario, stay, missingKwh), pluggedFromSlot, untilSlot, readyBySlot };
}
