import type { Plan } from './plan.ts';
import { planCell } from './planCell.ts';
import type { PlanningJob, PlanningProblem } from './problem.ts';

/** What a plan would make of one more job. */
export interface JobQuote {
  /** The plan of the same problem with the job in it. */
  readonly plan: Plan;
  /** What the job adds to the plan without it, at the plug. */
  readonly energyKwh: number;
  readonly costEur: number;
  readonly carbonKg: number;
  /** Share of `scenarios` in which the whole job is done within its window. */
  readonly confidence: number;
  readonly scenarios: number;
}

export interface QuoteOptions {
  readonly scenarios: number;
  /** Probability that a parked car has left an hour later, where the problem states no survival. */
  readonly leavesPerHour: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Asked before each scenario: false ends the drawing early. */
  readonly mayGoOn: () => boolean;
}

/**
 * Plans the problem with and without the job, then again in scenarios in which cars leave before they said, to say how
 * sure the answer is. A job whose window the horizon does not reach is judged by the part that it does.
 * @param problem as `planningProblemSchema` accepts it; anything else throws a RangeError
 */
export function quoteJob(problem: PlanningProblem, job: PlanningJob, options: QuoteOptions): JobQuote {
  const without = planCell(problem);
  const withJob = { ...problem, jobs: [...problem.jobs, job] };
  const plan = planCell(withJob);
  let scenarios = 1;
  let done = isDone(plan, job.id) ? 1 : 0;
  for (; scenarios < options.scenarios && options.mayGoOn(); scenarios++) {
    if (isDone(planCell(withEarlyDepartures(withJob, options)), job.id)) done++;
  }
  return {
    plan,
    energyKwh: Math.max(0, plan.figures.computeKwh - without.figures.computeKwh),
    costEur: plan.figures.energyCostEur - without.figures.energyCostEur,
    carbonKg: plan.figures.carbonKg - without.figures.carbonKg,
    confidence: done / scenarios,
    scenarios,
  };
}

function isDone(plan: Plan, jobId: string): boolean {
  return (plan.jobs.find((candidate) => candidate.jobId === jobId)?.finishSlot ?? null) !== null;
}

/** One draw of when each car leaves; what it still needed then is not asked of it. */
function withEarlyDepartures(problem: PlanningProblem, { random, leavesPerHour }: QuoteOptions): PlanningProblem {
  const hours = problem.slots.slotMinutes / 60;
  const cars = problem.cars.map((car) => {
    const drawn = random();
    const { pluggedFromSlot } = car;
    const alive = (slots: number): number => car.survival?.[slots] ?? (1 - leavesPerHour) ** (slots * hours);
    let untilSlot = pluggedFromSlot;
    while (untilSlot < car.untilSlot && alive(untilSlot - pluggedFromSlot) > drawn) untilSlot++;
    const { survival: _, ...rest } = car;
    return { ...rest, untilSlot, readyBySlot: Math.min(car.readyBySlot, untilSlot) };
  });
  return { ...problem, cars };
}
