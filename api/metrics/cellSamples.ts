import { gridTimeMs } from '../../domain/clock.ts';
import { MINUTE_MS } from '../../domain/durations.ts';
import type { MetricName, Sample } from '../../domain/metrics.ts';
import { isExceeded } from '../../planning/alerts.ts';
import { regionSeries, togetherTimeline } from '../../planning/regionTimeline.ts';
import type { Plan } from '../../scheduler/plan.ts';
import type { Cell } from '../../store/cells.ts';
import type { Database } from '../../store/database.ts';
import { listFeedStates } from '../../store/feedStates.ts';
import { countCarReasons, countCarStates } from '../../store/fleetCounts.ts';
import { listJobRows, type JobRow } from '../../store/jobRows.ts';
import { ledgerImbalance } from '../../store/ledgerChecks.ts';
import { listConnections } from '../../store/openAdrConnections.ts';
import { listRegions } from '../../store/regions.ts';
import { countLateCars } from '../../store/telemetryAge.ts';
import { LATE_AFTER_MS } from '../http/alertFacts.ts';
import { PlanForecasts } from '../http/planForecasts.ts';
import { drawnKw, ENDED_SLOT, readRegionLoads, RUNNING_SLOT, type RegionLoads } from '../http/regionLoads.ts';

/** It reads all entries. */
const LEDGER_EVERY_REAL_MS = 5 * MINUTE_MS;

export interface CellSamplePorts {
  readonly database: Database;
  readonly cell: Cell;
  /** Real time in epoch milliseconds. */
  readonly now: () => number;
}

/** Reads the cell's state as samples, in groups that fail by themselves: each is a reader of its own. */
export function cellSamples(ports: CellSamplePorts): (() => Promise<Sample[]>)[] {
  const { database, cell } = ports;
  const forecasts = new PlanForecasts(database, cell.id);
  return [
    async () => planSamples(ports, await forecasts.newest()),
    async () => (await readRegionLoads(ports)).flatMap(regionSamples),
    () => sourceSamples(ports),
    () => carSamples(ports),
    async () => jobSamples(ports, await forecasts.newest()),
    kept(LEDGER_EVERY_REAL_MS, () => ledgerSamples(ports)),
  ];
}

function planSamples(
  { cell: { id: cell, clock, slotMinutes }, now }: CellSamplePorts,
  newest: { readonly createdAtMs: number; readonly plan: Plan } | undefined,
): Sample[] {
  const nowMs = gridTimeMs(clock, now());
  const labels = { cell };
  const slot: Sample = { name: 'nightshift_slot_seconds', labels, value: slotMinutes * 60 };
  if (!newest) return [slot];
  const { figures, unmet } = newest.plan;
  const jobs = unmet.filter(({ kind }) => kind === 'job_deadline').length;
  const owners = new Set(unmet.filter(({ kind }) => kind !== 'job_deadline').map(({ id }) => id)).size;
  return [
    slot,
    { name: 'nightshift_plan_age_seconds', labels, value: (nowMs - newest.createdAtMs) / 1_000 },
    { name: 'nightshift_plan_gap_ratio', labels, value: figures.gap },
    { name: 'nightshift_owners_at_risk', labels, value: owners },
    { name: 'nightshift_jobs_at_risk', labels, value: jobs },
  ];
}

function regionSamples({ regionId: region, facts, feeders }: RegionLoads): Sample[] {
  const loads = feeders.map(({ load }) => load);
  const { price, carbon } = regionSeries(facts);
  const known = (name: MetricName, value: number | null | undefined, more: { use?: string } = {}): Sample[] =>
    value === null || value === undefined ? [] : [{ name, labels: { region, ...more }, value }];
  const charge = { use: 'charge' };
  const compute = { use: 'compute' };
  const all = togetherTimeline(loads, facts.axis.count);
  const over = loads.filter((load) => isExceeded(drawnKw(load), load.limitKw[ENDED_SLOT] ?? 0));
  return [
    ...known('nightshift_planned_kw', all.plannedChargeKw[RUNNING_SLOT], charge),
    ...known('nightshift_planned_kw', all.plannedComputeKw[RUNNING_SLOT], compute),
    ...known('nightshift_metered_slot_planned_kw', all.plannedChargeKw[ENDED_SLOT], charge),
    ...known('nightshift_metered_slot_planned_kw', all.plannedComputeKw[ENDED_SLOT], compute),
    ...known('nightshift_metered_kw', all.meteredChargeKw[ENDED_SLOT], charge),
    ...known('nightshift_metered_kw', all.meteredComputeKw[ENDED_SLOT], compute),
    ...known('nightshift_house_kw', all.houseKw[RUNNING_SLOT]),
    ...known('nightshift_limit_kw', all.limitKw[RUNNING_SLOT]),
    ...known('nightshift_price_eur_per_kwh', price[RUNNING_SLOT]),
    ...known('nightshift_carbon_g_per_kwh', carbon[RUNNING_SLOT]),
    ...known('nightshift_feeders_over_limit', over.length),
    ...known('nightshift_feeders_in_emergency', loads.filter(({ limitKw }) => limitKw[RUNNING_SLOT] === 0).length),
  ];
}

async function sourceSamples({ database, cell, now }: CellSamplePorts): Promise<Sample[]> {
  const nowMs = gridTimeMs(cell.clock, now());
  const samples: Sample[] = [];
  for (const { id: region } of await listRegions(database, cell.id)) {
    for (const { feed, readAtMs, failures } of await listFeedStates(database, region)) {
      const labels = { region, feed };
      samples.push({ name: 'nightshift_feed_failures', labels, value: failures });
      if (readAtMs !== null) {
        samples.push({ name: 'nightshift_feed_age_seconds', labels, value: (nowMs - readAtMs) / 1_000 });
      }
    }
  }
  const worst = new Map<string, number>();
  for (const { regionId, status, isRemoving } of await listConnections(database, cell.id)) {
    if (!isRemoving) worst.set(regionId, Math.max(worst.get(regionId) ?? 0, status?.failures ?? 0));
  }
  return [
    ...samples,
    ...[...worst].map(([region, value]) => ({
      name: 'nightshift_utility_failures' as const,
      labels: { region },
      value,
    })),
  ];
}

async function carSamples({ database, cell, now }: CellSamplePorts): Promise<Sample[]> {
  const nowMs = gridTimeMs(cell.clock, now());
  const [states, reasons, { onlineCars, lateCars }] = await Promise.all([
    countCarStates(database, cell.id),
    countCarReasons(database, cell.id),
    countLateCars(database, cell.id, nowMs - LATE_AFTER_MS),
  ]);
  return [
    ...states.map(({ regionId, state, cars }): Sample => {
      return { name: 'nightshift_cars', labels: { region: regionId, state }, value: cars };
    }),
    ...reasons.map(({ holder, code, cars }): Sample => {
      return { name: 'nightshift_cars_by_reason', labels: { holder, reason: code }, value: cars };
    }),
    { name: 'nightshift_cars_online', labels: { cell: cell.id }, value: onlineCars },
    { name: 'nightshift_cars_silent', labels: { cell: cell.id }, value: lateCars },
  ];
}

/** The cell's own jobs, wherever they run: cells that share a job would else count it twice. */
async function jobSamples(
  { database, cell: { id, clock }, now }: CellSamplePorts,
  newest: { readonly plan: Plan } | undefined,
): Promise<Sample[]> {
  const jobs = await listJobRows(database, id);
  const nowMs = gridTimeMs(clock, now());
  const reasons = new Map(newest?.plan.jobs.map(({ jobId, reasons: [first] }) => [jobId, first?.code]));
  const waiting = new Map<string, number>();
  for (const { jobId, pending, paused } of jobs) {
    const reason = paused ? 'paused' : (reasons.get(jobId) ?? 'not_planned_yet');
    if (pending > 0) waiting.set(reason, (waiting.get(reason) ?? 0) + pending);
  }
  const sum = (of: (job: JobRow) => number): number => jobs.reduce((total, job) => total + of(job), 0);
  const of = (state: string) => ({ cell: id, state });
  const paused = jobs.filter((job) => job.paused).length;
  return [
    { name: 'nightshift_jobs', labels: of('running'), value: jobs.length - paused },
    { name: 'nightshift_jobs', labels: of('paused'), value: paused },
    { name: 'nightshift_shards', labels: of('pending'), value: sum(({ pending }) => pending) },
    { name: 'nightshift_shards', labels: of('in_flight'), value: sum(({ inFlight }) => inFlight) },
    { name: 'nightshift_shards', labels: of('done'), value: sum(({ done }) => done) },
    ...[...waiting].map(([reason, value]): Sample => {
      return { name: 'nightshift_shards_waiting', labels: { cell: id, reason }, value };
    }),
    {
      name: 'nightshift_oldest_job_seconds',
      labels: { cell: id },
      value: Math.max(0, ...jobs.map(({ submittedAtMs }) => (nowMs - submittedAtMs) / 1_000)),
    },
  ];
}

async function ledgerSamples({ database }: CellSamplePorts): Promise<Sample[]> {
  const imbalances = await ledgerImbalance(database);
  return imbalances.map(({ currency, micros }) => {
    return { name: 'nightshift_ledger_imbalance_micros', labels: { currency }, value: micros };
  });
}

/** Reads at most once in `everyRealMs`, since it reads much. */
function kept<Value>(everyRealMs: number, read: () => Promise<Value>): () => Promise<Value> {
  let last: { readonly atMs: number; readonly value: Promise<Value> } | undefined;
  return () => {
    if (last && performance.now() - last.atMs < everyRealMs) return last.value;
    const value = read();
    last = { atMs: performance.now(), value };
    // What could not be read is asked for again.
    value.catch(() => (last = undefined));
    return value;
  };
}
