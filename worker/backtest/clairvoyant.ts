import { planCell } from '../../scheduler/planCell.ts';
import type { PlanningProblem } from '../../scheduler/problem.ts';
import { slotAt, slotStartMs, type SlotAxis } from '../../scheduler/time.ts';
import { equipmentFor } from './fleet.ts';
import { actualSignals } from './foresight.ts';
import { Ledger } from './ledger.ts';
import { nightOf, type NightJob } from './nights.ts';
import { SLOT_HOURS, SLOT_MINUTES, SLOT_MS, type PromisedStay, type Scenario } from './scenario.ts';
import { bookDeparture, bookEnergy, bookReadyBy, ENOUGH_KWH } from './settlement.ts';
import { LONG_AGO_SLOTS, reachableKwh, slotProblem, type PlannedStay } from './slotProblem.ts';

export interface ClairvoyantResult {
  readonly ledger: Ledger;
  /** Stays that even this plan could not make ready, for which a policy is not blamed. */
  readonly impossible: ReadonlySet<string>;
  readonly plans: number;
  readonly planningMs: number;
  readonly slowestPlanMs: number;
}

/**
 * The planner with real prices, carbon, temperatures and departures. The stays that begin in one night are planned
 * together, each night as if it had the feeders to itself: that relaxes the few hours in which stays of two nights
 * meet, so the sum is no dearer than the true optimum but for the gap that the planner certifies.
 */
export function planClairvoyantly(scenario: Scenario): ClairvoyantResult {
  const ledger = new Ledger();
  const impossible = new Set<string>();
  let plans = 0;
  let planningMs = 0;
  let slowestPlanMs = 0;
  for (const night of nightsOf(scenario)) {
    const { problem, planned } = nightProblem(scenario, night);
    const startedMs = performance.now();
    const plan = planCell(problem);
    const tookMs = performance.now() - startedMs;
    plans++;
    planningMs += tookMs;
    slowestPlanMs = Math.max(slowestPlanMs, tookMs);
    for (const { stay, missingKwh } of planned) {
      const car = plan.cars.find(({ carId }) => carId === stay.id);
      let leftKwh = stay.energyKwh;
      for (const [slot, kw] of (car?.chargeKw ?? []).entries()) {
        // Least current can make the last slot longer than the need: the car stops by itself.
        const chargeKwh = Math.min(leftKwh, kw * SLOT_HOURS);
        leftKwh -= chargeKwh;
        bookEnergy(scenario, ledger, slotStartMs(problem.slots, slot), { chargeKwh, computeKwh: 0 });
      }
      if (stay.energyKwh - leftKwh < missingKwh - ENOUGH_KWH) impossible.add(stay.id);
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
  return { ledger, impossible, plans, planningMs, slowestPlanMs };
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

function nightProblem(
  scenario: Scenario,
  { stays, job }: Night,
): { problem: PlanningProblem; planned: readonly PlannedStay[] } {
  // A batch may also run on cars that were plugged in before the night began.
  const cars = job
    ? scenario.stays.filter((stay) => stays.includes(stay) || overlaps(stay, job.releaseMs, job.deadlineMs))
    : stays;
  const startMs = Math.min(...cars.map((stay) => stay.firstSlotMs), job?.releaseMs ?? Infinity);
  const endMs = Math.max(
    startMs + SLOT_MS,
    job?.deadlineMs ?? 0,
    ...stays.map((stay) => Math.min(stay.readyByMs, stay.pluggedOutMs)),
  );
  const axis = { startMs, slotMinutes: SLOT_MINUTES, count: Math.ceil((endMs - startMs) / SLOT_MS) };
  const inNight = new Set(stays);
  const planned = cars.map((stay) => plannedStay(scenario, axis, stay, inNight.has(stay)));
  return {
    problem: slotProblem(
      scenario,
      axis,
      actualSignals(scenario.signals, axis),
      planned,
      job ? [{ ...job, shardsRemaining: job.shards }] : [],
    ),
    planned: planned.filter(({ stay }) => inNight.has(stay)),
  };
}

function overlaps(stay: PromisedStay, fromMs: number, untilMs: number): boolean {
  return stay.pluggedInMs < untilMs && stay.pluggedOutMs > fromMs;
}

/** A stay with its real departure, in the slots that it touches. One of another night has been or will be charged there. */
function plannedStay(scenario: Scenario, axis: SlotAxis, stay: PromisedStay, isOfNight: boolean): PlannedStay {
  const fromSlot = Math.min(axis.count, Math.max(0, slotAt(axis, stay.firstSlotMs)));
  const untilSlot = Math.max(fromSlot, Math.min(axis.count, slotAt(axis, stay.pluggedOutMs - 1) + 1));
  return {
    stay,
    equipment: equipmentFor(scenario, stay),
    missingKwh: isOfNight ? Math.min(stay.energyKwh, reachableKwh(scenario, stay)) : 0,
    fromSlot,
    untilSlot,
    chargingNow: false,
    computingNow: false,
    chargeStartsSoFar: 0,
    slotsInChargeState: LONG_AGO_SLOTS,
  };
}
