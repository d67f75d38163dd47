import { cheapestRun } from './cheapestRun.ts';
import { slotStartMs, slotsWithin, type SlotAxis, type SlotRange } from '../../scheduler/time.ts';
import { pausableEmissions } from './pausable.ts';
import { nextWorkday, semiWeekly, type DeadlineRule } from './deadlines.ts';

/** Carbon intensity of each step of the axis, gCO2/kWh. */
export interface CarbonSeries {
  readonly axis: SlotAxis;
  readonly gPerKwh: Float64Array;
}

export interface DeferrableJob {
  readonly arrivalMs: number;
  readonly durationMs: number;
}

/** Savings in percent of the baseline's emissions. */
export interface DeferralSavings {
  readonly jobs: number;
  /** Jobs whose latest end lies behind the series; they are left out. */
  readonly jobsBeyondSeries: number;
  /** Sum of the carbon intensity over all steps in which a job runs, without deferral. */
  readonly baselineGPerKwhSteps: number;
  readonly nextWorkday: { readonly nonInterrupting: number; readonly interrupting: number };
  readonly semiWeekly: { readonly nonInterrupting: number; readonly interrupting: number };
}

/**
 * Scenario II without forecast errors: every job draws the same power, so emissions compare as sums of the carbon
 * intensity over the steps in which it runs. Any job, the baseline's too, may slip by one step, as in the published
 * experiment.
 */
export function deferralSavings(carbon: CarbonSeries, jobs: readonly DeferrableJob[]): DeferralSavings {
  const inside = jobs.filter((job) =>
    [nextWorkday, semiWeekly].every((rule) => latestEndMs(carbon.axis, job, rule) <= endMs(carbon.axis)),
  );
  const baselineSum = sumOver(inside, (job) => unpausedEmissions(carbon, job, withoutSlack));
  const savings = (rule: DeadlineRule): DeferralSavings['nextWorkday'] => {
    const unpaused = sumOver(inside, (job) => unpausedEmissions(carbon, job, rule));
    const paused = sumOver(inside, (job) => {
      const { from, until } = windowOf(carbon.axis, job, rule);
      const window = [...carbon.gPerKwh.subarray(from, until)];
      const startMs = slotStartMs(carbon.axis, from);
      return pausableEmissions(window, startMs, carbon.axis.slotMinutes, stepsOf(carbon.axis, job));
    });
    return {
      nonInterrupting: 100 * (1 - unpaused / baselineSum),
      interrupting: 100 * (1 - paused / baselineSum),
    };
  };
  return {
    jobs: inside.length,
    jobsBeyondSeries: jobs.length - inside.length,
    baselineGPerKwhSteps: baselineSum,
    nextWorkday: savings(nextWorkday),
    semiWeekly: savings(semiWeekly),
  };
}

function withoutSlack(finishMs: number): number {
  return finishMs;
}

function sumOver(jobs: readonly DeferrableJob[], emissions: (job: DeferrableJob) => number): number {
  return jobs.reduce((sum, job) => sum + emissions(job), 0);
}

function unpausedEmissions(carbon: CarbonSeries, job: DeferrableJob, rule: DeadlineRule): number {
  const window = windowOf(carbon.axis, job, rule);
  const { from, until } = cheapestRun(carbon.gPerKwh, window, stepsOf(carbon.axis, job));
  return carbon.gPerKwh.subarray(from, until).reduce((sum, gPerKwh) => sum + gPerKwh, 0);
}

function stepsOf(axis: SlotAxis, job: DeferrableJob): number {
  return Math.round(job.durationMs / stepMs(axis));
}

function windowOf(axis: SlotAxis, job: DeferrableJob, rule: DeadlineRule): SlotRange {
  return slotsWithin(axis, job.arrivalMs, latestEndMs(axis, job, rule));
}

function latestEndMs(axis: SlotAxis, job: DeferrableJob, rule: DeadlineRule): number {
  return rule(job.arrivalMs + job.durationMs) + stepMs(axis);
}

function stepMs(axis: SlotAxis): number {
  return axis.slotMinutes * 60_000;
}

function endMs(axis: SlotAxis): number {
  return slotStartMs(axis, axis.count);
}
