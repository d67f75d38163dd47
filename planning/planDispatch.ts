import { grouped } from '../domain/grouped.ts';
import { hardwareClassOf } from './planningClass.ts';
import { workflowIds } from '../domain/names.ts';
import type { JournalReason } from '../domain/journal.ts';
import type { SetpointInterval } from '../domain/setpoints.ts';
import type { CarPlan, Plan } from '../scheduler/plan.ts';
import type { PlanningProblem } from '../scheduler/problem.ts';
import type { PlanReason } from '../scheduler/reasons.ts';
import { slotStartMs } from '../scheduler/time.ts';
import type { ParkingSession } from '../store/parkingSessions.ts';
import type { Region } from '../store/regions.ts';
import { capacityDetails } from './capacityDetails.ts';
import type { Grant, PlanDispatch, SessionSetpoint } from '../domain/workflows/coSchedule.ts';

/** Slots of setpoints that each car is sent ahead: enough to ride out a lost plan or two, then its fail-safe. */
export const PROFILE_SLOTS = 3;

/** The part of a plan that workflows need: nothing that grows with the cars, so that it fits their history. */
export function dispatchOf(
  planId: string,
  problem: PlanningProblem,
  plan: Plan,
  regions: readonly Region[],
): PlanDispatch {
  const startMs = slotStartMs(plan.slots, 0);
  const computing = computingCars(problem, plan);
  return {
    planId,
    slotStartMs: startMs,
    grants: onePerQueue(
      plan.grants
        .filter((grant) => grant.slot === 0)
        .map((grant) => ({
          planId,
          jobId: grant.jobId,
          regionId: grant.regionId,
          hardwareClass: hardwareClassOf(grant.hardwareClass),
          slotStartMs: startMs,
          slotEndMs: slotStartMs(plan.slots, 1),
          // One more for each car: a car that finishes within the slot begins the next shard, and takes it over the
          // boundary. What nobody begins goes back to the job when the slot is over.
          shards: grant.shards + (computing.get(`${grant.regionId}/${grant.hardwareClass}`) ?? 0),
        })),
    ),
    vehiclesToWake: plan.wakeUps
      .filter((wakeUp) => wakeUp.slot === 0)
      .map((wakeUp) => ({ vehicleId: wakeUp.carId, reason: 'planned to compute in the coming slot' })),
    summary: `${summarize(plan)}\n\n${capacityDetails(regions, problem, plan)}`,
  };
}

/** Cars of a roll-out are planned apart from the others of their class, and take other jobs from the same queue. */
function onePerQueue(grants: readonly Grant[]): Grant[] {
  const queues = grouped(grants, ({ jobId, regionId, hardwareClass }) => `${jobId}/${regionId}/${hardwareClass}`);
  return [...queues.values()].flatMap(([first, ...others]) =>
    first ? [{ ...first, shards: others.reduce((sum, { shards }) => sum + shards, first.shards) }] : [],
  );
}

/** Cars that compute in the committed slot, by region and class. */
function computingCars(problem: PlanningProblem, plan: Plan): Map<string, number> {
  const regionOfFeeder = new Map(problem.feeders.map((feeder) => [feeder.id, feeder.regionId]));
  const askedFor = new Map(problem.cars.map((car) => [car.id, car]));
  const computing = new Map<string, number>();
  for (const car of plan.cars) {
    const asked = askedFor.get(car.carId);
    if (!asked || (car.computeKw[0] ?? 0) === 0) continue;
    const key = `${regionOfFeeder.get(asked.feederId)}/${asked.hardwareClass}`;
    computing.set(key, (computing.get(key) ?? 0) + 1);
  }
  return computing;
}

/** What the sessions are told whose setpoint or reasons changed since the previous plan. */
export function changedSetpoints(
  plan: Plan,
  previous: Plan | undefined,
  sessions: readonly Pick<ParkingSession, 'vehicleId' | 'stay'>[],
): SessionSetpoint[] {
  const planned = carsById(plan);
  const before = carsById(previous);
  return sessions.flatMap(({ vehicleId, stay }) => {
    const car = planned.get(vehicleId);
    if (!car) return [];
    const was = before.get(vehicleId);
    if (was && committed(was) === committed(car)) return [];
    return {
      sessionId: workflowIds.session(vehicleId, stay),
      slotStartMs: slotStartMs(plan.slots, 0),
      chargeKw: car.chargeKw[0] ?? 0,
      computeKw: car.computeKw[0] ?? 0,
      reasons: car.reasons.map(journalReason),
    };
  });
}

export function carsById(plan: Plan | undefined): ReadonlyMap<string, CarPlan> {
  return new Map(plan?.cars.map((car) => [car.carId, car]));
}

/** What a session would be told, without the figures in the text: those change with every plan. */
function committed(car: CarPlan): string {
  return JSON.stringify([
    (car.chargeKw[0] ?? 0).toFixed(2),
    (car.computeKw[0] ?? 0).toFixed(2),
    car.reasons.map((reason) => reason.code),
  ]);
}

export function journalReason({ code, text, value, limit }: PlanReason): JournalReason {
  return {
    code,
    text,
    ...(value === undefined ? {} : { value }),
    ...(limit === undefined ? {} : { limit }),
  };
}

/**
 * The car's setpoints of the plan's first `slots` slots, for its profile. A car whose start the plan spreads stays at
 * the lower of its old and its new power until its turn.
 * @param running what the car does in the slot before, if it is planned there
 */
export function profileIntervals(plan: Plan, car: CarPlan, slots: number, running?: CarPlan): SetpointInterval[] {
  const intervals = Array.from({ length: Math.min(slots, plan.slots.count) }, (_, slot) => ({
    startMs: slotStartMs(plan.slots, slot),
    endMs: slotStartMs(plan.slots, slot + 1),
    chargeKw: car.chargeKw[slot] ?? 0,
    computeKw: car.computeKw[slot] ?? 0,
  }));
  const [first, ...later] = intervals;
  if (!first || car.startDelaySeconds === 0) return intervals;
  const turnMs = Math.min(first.endMs, first.startMs + Math.round(car.startDelaySeconds * 1000));
  const waiting = {
    ...first,
    endMs: turnMs,
    chargeKw: Math.min(first.chargeKw, running?.chargeKw[0] ?? 0),
    computeKw: Math.min(first.computeKw, running?.computeKw[0] ?? 0),
  };
  return [waiting, { ...first, startMs: turnMs }, ...later].filter(({ startMs, endMs }) => startMs < endMs);
}

/** The journal has them all. A workflow's history must not grow with the cars of its cell. */
const UNMET_IN_SUMMARY = 20;

/** Markdown for the operator. */
function summarize(plan: Plan): string {
  const sum = (series: (car: CarPlan) => number): number => plan.cars.reduce((total, car) => total + series(car), 0);
  const charging = sum((car) => car.chargeKw[0] ?? 0);
  const computing = sum((car) => car.computeKw[0] ?? 0);
  const lines = [
    `**Slot ${new Date(slotStartMs(plan.slots, 0)).toISOString().slice(11, 16)} UTC** (${plan.method}): ` +
      `${plan.cars.length} cars, charging ${charging.toFixed(1)} kW, computing ${computing.toFixed(1)} kW, ` +
      `${plan.grants.filter((grant) => grant.slot === 0).length} grants.`,
    `Horizon: ${plan.figures.chargeKwh.toFixed(1)} kWh charge, ${plan.figures.computeKwh.toFixed(1)} kWh compute, ` +
      `${plan.figures.costEur.toFixed(2)} EUR.`,
    ...plan.unmet.slice(0, UNMET_IN_SUMMARY).map((unmet) => `- Not met: ${unmet.text}`),
    ...(plan.unmet.length > UNMET_IN_SUMMARY ? [`- and ${plan.unmet.length - UNMET_IN_SUMMARY} more`] : []),
    ...plan.reasons.map((reason) => `- ${reason.text}`),
    ...plan.jobs.flatMap((job) => job.reasons.map((reason) => `- ${job.jobId}: ${reason.text}`)),
  ];
  return lines.join('\n');
}
