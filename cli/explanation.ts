import { NightshiftError } from '../domain/errors.ts';
import type { Plan, Unmet } from '../scheduler/plan.ts';
import type { PlanningProblem } from '../scheduler/problem.ts';
import type { PlanReason } from '../scheduler/reasons.ts';
import { slotHours, slotStartMs, type SlotAxis } from '../scheduler/time.ts';
import type { ClockText } from './clockText.ts';
import type { Terminal } from './terminal.ts';

/** Why a plan does what it does with one car or one job. */
export interface Explanation {
  readonly kind: 'car' | 'job';
  readonly id: string;
  /** What is wanted and what the plan gives, in sentences. */
  readonly summary: readonly string[];
  readonly reasons: readonly PlanReason[];
  /** When it charges, computes or runs; epoch ms, half-open, neighbours with equal values merged. */
  readonly timeline: readonly TimelineSpan[];
  readonly unmet: readonly Unmet[];
  /** Limits that cost it something, and what more of them would be worth. */
  readonly wouldHelp: readonly string[];
}

export interface Planned {
  readonly problem: PlanningProblem;
  readonly plan: Plan;
  /** Writes the instants that the sentences name. */
  readonly clock: ClockText;
}

export interface TimelineSpan {
  readonly startMs: number;
  readonly endMs: number;
  readonly values: Readonly<Record<string, number>>;
}

/** @throws NightshiftError not_found when problem or plan has no such car */
export function explainCar({ problem, plan, clock }: Planned, carId: string): Explanation {
  const car = problem.cars.find(({ id }) => id === carId);
  const carPlan = plan.cars.find((candidate) => candidate.carId === carId);
  if (!car || !carPlan) throw unknown('car', carId, car === undefined);
  const hours = slotHours(plan.slots);
  const kwh = (kw: readonly number[], until = kw.length): number =>
    kw.slice(0, until).reduce((sum, value) => sum + value, 0) * hours;
  const chargedKwh = kwh(carPlan.chargeKw, car.readyBySlot) * car.chargerEfficiency;
  const summary = [
    `It needs ${car.needKwh.toFixed(2)} kWh in the battery by ${clock(slotStartMs(plan.slots, car.readyBySlot))}; ` +
      `the plan gives ${chargedKwh.toFixed(2)} kWh.`,
  ];
  const computeKwh = kwh(carPlan.computeKw);
  if (computeKwh > 0) summary.push(`It is planned to draw ${computeKwh.toFixed(2)} kWh for compute.`);
  const region = problem.regions.find(
    ({ id }) => id === problem.feeders.find((feeder) => feeder.id === car.feederId)?.regionId,
  );
  const next = carPlan.chargeKw.findIndex((kw) => kw > 0);
  if (region && next > 0) {
    summary.push(
      `It starts to charge at ${clock(slotStartMs(plan.slots, next))}, when a kWh costs ${euro(region.priceEurPerKwh[next])} ` +
        `instead of ${euro(region.priceEurPerKwh[0])} now.`,
    );
  }
  return {
    kind: 'car',
    id: carId,
    summary,
    reasons: carPlan.reasons,
    timeline: timelineOf(plan.slots, { chargeKw: carPlan.chargeKw, computeKw: carPlan.computeKw }),
    unmet: plan.unmet.filter((unmet) => unmet.id === carId && unmet.kind !== 'job_deadline'),
    wouldHelp: rentWords({ problem, plan, clock }, car.feederId, car.pluggedFromSlot, car.untilSlot),
  };
}

/** @throws NightshiftError not_found when problem or plan has no such job */
export function explainJob({ problem, plan, clock }: Planned, jobId: string): Explanation {
  const job = problem.jobs.find(({ id }) => id === jobId);
  const jobPlan = plan.jobs.find((candidate) => candidate.jobId === jobId);
  if (!job || !jobPlan) throw unknown('job', jobId, job === undefined);
  const shards = Array.from({ length: plan.slots.count }, () => 0);
  for (const grant of plan.grants) {
    if (grant.jobId === jobId) shards[grant.slot] = (shards[grant.slot] ?? 0) + grant.shards;
  }
  const finish =
    jobPlan.finishSlot === null
      ? 'it is not expected to finish in its window'
      : `it is expected to finish by ${clock(slotStartMs(plan.slots, jobPlan.finishSlot + 1))}`;
  const price = plan.certificate.jobPriceEurPerShard.find((entry) => entry.jobId === jobId)?.price;
  return {
    kind: 'job',
    id: jobId,
    summary: [
      `It has ${job.shardsRemaining} shards left and may run from ${clock(slotStartMs(plan.slots, job.windowStartSlot))} ` +
        `to ${clock(slotStartMs(plan.slots, Math.min(job.windowEndSlot, plan.slots.count)))}.`,
      `The plan expects ${jobPlan.expectedShards.toFixed(1)} shards to be done; ${finish}.`,
    ],
    reasons: jobPlan.reasons,
    timeline: timelineOf(plan.slots, { shards }),
    unmet: plan.unmet.filter((unmet) => unmet.id === jobId && unmet.kind === 'job_deadline'),
    wouldHelp: price === undefined || price <= 0 ? [] : [`One shard less to do would save ${price.toFixed(5)} EUR.`],
  };
}

/** The limits above a car that have a price in its plug window. */
function rentWords({ problem, plan, clock }: Planned, feederId: string, from: number, until: number): string[] {
  const { feederRentEurPerKwh, substationRentEurPerKwh } = plan.certificate;
  const substationId = problem.feeders.find(({ id }) => id === feederId)?.substationId;
  const limits = [
    { name: `feeder ${feederId}`, rent: feederRentEurPerKwh.find((entry) => entry.feederId === feederId)?.rent },
    {
      name: `substation ${substationId ?? ''}`,
      rent: substationRentEurPerKwh.find((entry) => entry.substationId === substationId)?.rent,
    },
  ];
  return limits.flatMap(({ name, rent = [] }) => {
    const inWindow = rent.slice(from, until);
    const binding = inWindow.filter((value) => value > 1e-9);
    if (binding.length === 0) return [];
    const peak = inWindow.indexOf(Math.max(...inWindow)) + from;
    return [
      `The limit of ${name} binds in ${binding.length} of ${inWindow.length} slots of its stay; one more kWh through it ` +
        `would save up to ${euro(rent[peak])} (at ${clock(slotStartMs(plan.slots, peak))}).`,
    ];
  });
}

function timelineOf(axis: SlotAxis, series: Readonly<Record<string, readonly number[]>>): TimelineSpan[] {
  const spans: TimelineSpan[] = [];
  for (let slot = 0; slot < axis.count; slot++) {
    const values = Object.fromEntries(Object.entries(series).map(([name, values]) => [name, values[slot] ?? 0]));
    if (Object.values(values).every((value) => value === 0)) continue;
    const last = spans.at(-1);
    const startMs = slotStartMs(axis, slot);
    const endMs = slotStartMs(axis, slot + 1);
    const same = Object.entries(values).every(([name, value]) => Math.abs((last?.values[name] ?? NaN) - value) < 1e-6);
    if (last?.endMs === startMs && same) spans[spans.length - 1] = { ...last, endMs };
    else spans.push({ startMs, endMs, values });
  }
  return spans;
}

function unknown(kind: 'car' | 'job', id: string, inProblem: boolean): NightshiftError {
  const where = inProblem ? 'problem' : 'plan';
  return new NightshiftError('not_found', `The ${where} has no ${kind} ${JSON.stringify(id)}.`, { field: kind });
}

function euro(eurPerKwh = 0): string {
  return `${eurPerKwh.toFixed(4)} EUR`;
}

/** The explanation as people read it in a terminal. */
export function explanationText(explanation: Explanation, clock: ClockText, { colors }: Terminal): string {
  const { kind, id, summary, reasons, timeline, unmet, wouldHelp } = explanation;
  const lines = [colors.bold(`${kind} ${id}`), ...summary, ''];
  for (const { code, text } of reasons) lines.push(`${colors.cyan(code.padEnd(REASON_WIDTH))} ${text}`);
  for (const { text } of unmet) lines.push(colors.yellow(`cannot be met: ${text}`));
  for (const text of wouldHelp) lines.push(text);
  if (timeline.length > 0) lines.push('');
  for (const { startMs, endMs, values } of timeline) {
    const parts = Object.entries(values).filter(([, value]) => value > 0);
    const text = parts.map(([name, value]) => `${VALUE_WORDS[name] ?? name} ${Number(value.toFixed(2))}`).join(', ');
    lines.push(`${clock(startMs)} to ${clock(endMs)}  ${text}`);
  }
  return `${lines.join('\n')}\n`;
}

const REASON_WIDTH = 28;
const VALUE_WORDS: Readonly<Record<string, string>> = {
  chargeKw: 'charge, kW:',
  computeKw: 'compute, kW:',
  shards: 'shards released:',
};
