import { carStateOf, heldBy, UNKNOWN_CONDITION } from '../../domain/claims.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { alertsOf } from '../../planning/alerts.ts';
import { slotAt, slotStartMs } from '../../scheduler/time.ts';
import { listBatches } from '../../store/batches.ts';
import { listCarRows, type CarRow } from '../../store/carRows.ts';
import { listJobRows, type JobRow } from '../../store/jobRows.ts';
import { listEvents } from '../../store/openAdrEvents.ts';
import { listRegions } from '../../store/regions.ts';
import { summarizeFleet } from '../../store/vehicleStates.ts';
import type { AlertWire, CarRowWire, JobRowWire, LiveEvents, RegionRowWire } from '../wire/page.ts';
import { readAlertFacts } from './alertFacts.ts';
import { gridEventToWire } from './gridEvents.ts';
import type { PlanForecast, PlanForecasts } from './planForecasts.ts';
import type { ApiPorts } from './ports.ts';
import { batchesToWire } from './readBatches.ts';

/** What the page's stream tells, as it stands now. */

const MAX_EVENTS = 50;
const MAX_BATCHES = 20;

export function planTold({ id, createdAtMs, slotStartMs, plan }: PlanForecast): LiveEvents['plan'] {
  return { id, created_ms: createdAtMs, slot_start_ms: slotStartMs, method: plan.method, gap: plan.figures.gap };
}

export async function carsTold({ database, cell }: ApiPorts, ownerId?: string): Promise<CarRowWire[]> {
  return (await listCarRows(database, cell.id, ownerId)).map(carRowToWire);
}

function carRowToWire(row: CarRow): CarRowWire {
  const condition = row.condition ?? UNKNOWN_CONDITION;
  const [strongest] = row.reasons;
  return {
    id: row.id,
    name: row.name,
    owner: row.ownerId,
    region: row.regionId,
    feeder: row.feederId,
    hardware_class: row.hardwareClass,
    state: carStateOf(condition),
    held_by: heldBy(row.reasons),
    why: strongest?.text ?? null,
    reason: strongest?.code ?? null,
    excluded: row.reasons.some(({ source }) => source === 'operator'),
    // Whole percents: a list need not be told of every watt-hour.
    soc_percent: row.socPercent === null ? null : Math.round(row.socPercent),
    charge_kw: condition.chargeKw,
    compute_kw: condition.computeKw,
    since_ms: row.sinceMs,
    ready_by_ms: row.readyByMs,
  };
}

export async function jobsTold({ database, cell, now }: ApiPorts, forecasts: PlanForecasts): Promise<JobRowWire[]> {
  const [rows, forecast] = await Promise.all([listJobRows(database, cell.id), forecasts.newest()]);
  const nowMs = gridTimeMs(cell.clock, now());
  return rows.map((row) => jobRowToWire(row, forecast, nowMs));
}

function jobRowToWire(row: JobRow, forecast: PlanForecast | undefined, nowMs: number): JobRowWire {
  const planned = forecast?.plan.jobs.find(({ jobId }) => jobId === row.jobId);
  const finishSlot = planned?.finishSlot ?? null;
  const slot = forecast ? slotAt(forecast.axis, nowMs) : -1;
  const places = (forecast?.plan.grants ?? []).filter((grant) => grant.jobId === row.jobId && grant.slot === slot);
  return {
    id: row.jobId,
    tenant: row.tenantId,
    model: row.model,
    paused: row.paused,
    submitted_at_ms: row.submittedAtMs,
    deadline_ms: row.deadlineMs,
    eta_ms: forecast && finishSlot !== null ? slotStartMs(forecast.axis, finishSlot + 1) : null,
    shards: { total: row.shards, pending: row.pending, in_flight: row.inFlight, done: row.done },
    requests: { total: row.total, completed: row.completed, failed: row.failed },
    why: planned?.reasons[0]?.text ?? null,
    places: places.map(({ regionId, hardwareClass, shards }) => ({
      region: regionId,
      hardware_class: hardwareClass,
      shards,
    })),
  };
}

export async function alertsTold(ports: ApiPorts, forecasts: PlanForecasts): Promise<AlertWire[]> {
  return alertsOf(await readAlertFacts(ports, forecasts)).map(({ regionId, ...alert }) => ({
    ...alert,
    region: regionId,
  }));
}

/** @param seen regions that the viewer sees; null for all */
export async function regionsTold(
  { database, cell }: ApiPorts,
  seen: readonly string[] | null,
): Promise<RegionRowWire[]> {
  const [regions, fleet] = await Promise.all([listRegions(database, cell.id), summarizeFleet(database, cell.id)]);
  const counts = new Map(fleet.map((each) => [each.regionId, each]));
  return regions
    .filter(({ id }) => seen?.includes(id) ?? true)
    .map(({ id, timeZone }) => ({
      id,
      time_zone: timeZone,
      cars: counts.get(id)?.vehicles ?? 0,
      online: counts.get(id)?.online ?? 0,
      plugged_in: counts.get(id)?.pluggedIn ?? 0,
    }));
}

/** A tenant's newest batches. */
export async function batchesTold(ports: ApiPorts, tenantId: string): Promise<LiveEvents['batches']> {
  const newest = await listBatches(ports.database, { after: undefined, limit: MAX_BATCHES }, tenantId);
  return batchesToWire(ports, newest);
}

/** @param seen regions that the viewer sees; null for all */
export async function eventsTold(
  { database, cell, now }: ApiPorts,
  seen: readonly string[] | null,
): Promise<LiveEvents['events']> {
  const nowMs = gridTimeMs(cell.clock, now());
  return (await listEvents(database, cell.id, MAX_EVENTS, seen)).map((event) => gridEventToWire(event, nowMs));
}
