import { cheapestRun, cheapestSlots, slotsOf, totalCost } from '../../scheduler/deferral.ts';
import { slotStartMs, slotsWithin, type SlotAxis, type SlotRange } from '../../scheduler/time.ts';
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
  const baseline = emissions(carbon, inside, (finishMs) => finishMs);
  const savings = (rule: DeadlineRule): DeferralSavings['nextWorkday'] => {
    const { nonInterrupting, interrupting } = emissions(carbon, inside, rule);
    return {
      nonInterrupting: percentSaved(nonInterrupting, baseline.nonInterrupting),
      interrupting: percentSaved(interrupting, baseline.nonInterrupting),
    };
  };
  return {
    jobs: inside.length,
    jobsBeyondSeries: jobs.length - inside.length,
    baselineGPerKwhSteps: baseline.nonInterrupting,
    nextWorkday: savings(nextWorkday),
    semiWeekly: savings(semiWeekly),
  };
}

function percentSaved(sum: number, baseline: number): number {
  return 100 * (1 - sum / baseline);
}

function emissions(
  carbon: CarbonSeries,
  jobs: readonly DeferrableJob[],
  rule: DeadlineRule,
): { nonInterrupting: number; interrupting: number } {
  let nonInterrupting = 0;
  let interrupting = 0;
  for (const job of jobs) {
    const window = windowOf(carbon.axis, job, rule);
    const steps = Math.round(job.durationMs / stepMs(carbon.axis));
    nonInterrupting += totalCost(carbon.gPerKwh, slotsOf(cheapestRun(carbon.gPerKwh, window, steps)));
    interrupting += totalCost(carbon.gPerKwh, cheapestSlots(carbon.gPerKwh, window, steps));
  }
  return { nonInterrupting, interrupting };
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
