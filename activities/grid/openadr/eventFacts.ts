import { DAY_MS, HOUR_MS } from '../../../domain/durations.ts';
import { planOf, plannedEnergy, type PlannedEnergy } from './plannedEnergy.ts';
import type { Database } from '../../../store/database.ts';
import { listCarEnergy, listFeederEnergy, listFeederStorage } from '../../../store/feederMeters.ts';
import type { OpenAdrConnection } from '../../../store/openAdrConnections.ts';
import { listEventSpans } from '../../../store/openAdrEvents.ts';
import { readSignals } from '../../../store/signals.ts';
import { BASELINE_DAYS, baselineOf, type Baseline } from './baseline.ts';
import type { HeldEvent } from './heldEvent.ts';
import { houseEnergy } from './houseEnergy.ts';
import type { ReportFacts } from './reportBody.ts';
import { energyWithin, isWhole, sumOf, type SlotEnergy } from './slotEnergy.ts';
import type { TimeSpan } from './timing.ts';

const NONE: SlotEnergy = new Map();

export interface EventFacts extends ReportFacts {
  readonly baseline: Baseline;
  readonly energy: SlotEnergy;
  readonly energyByCar: ReadonlyMap<string, SlotEnergy>;
  readonly houseKwh: (span: TimeSpan) => number | null;
  /** Grid time at which the first plan after receipt was made. */
  readonly plannedMs: number | null;
}

export interface EventFactsRequest {
  readonly connection: Pick<OpenAdrConnection, 'id' | 'cellId' | 'regionId'>;
  readonly held: HeldEvent;
  readonly span: TimeSpan;
  readonly slotMs: number;
  readonly timeZone: string;
}

/** Reads what an event's reports and measurement rest on: meters, plan and batteries of its feeders. */
export async function readEventFacts(database: Database, request: EventFactsRequest): Promise<EventFacts> {
  const { connection, held, span, slotMs, timeZone } = request;
  const feederIds = held.feeders.map(({ id }) => id);
  const window = { startMs: span.startMs - BASELINE_DAYS * DAY_MS, endMs: span.endMs };
  const byFeeder = new Map<string, Map<number, number>>();
  for (const { feederId, slotStartMs, kwh } of await listFeederEnergy(database, feederIds, window)) {
    byFeeder.set(feederId, (byFeeder.get(feederId) ?? new Map<number, number>()).set(slotStartMs, kwh));
  }
  const byCar = new Map<string, Map<number, number>>();
  const carWindow = { startMs: span.startMs - 2 * HOUR_MS, endMs: span.endMs };
  for (const { vehicleId, slotStartMs, kwh } of await listCarEnergy(database, feederIds, carWindow)) {
    byCar.set(vehicleId, (byCar.get(vehicleId) ?? new Map<number, number>()).set(slotStartMs, kwh));
  }
  const storage = await listFeederStorage(database, feederIds);
  const otherEvents = (await listEventSpans(database, connection.id, held.event.id)).filter(
    // What lasts longer is the normal state of things, such as a tariff.
    ({ startMs, endMs }) => endMs - startMs < DAY_MS,
  );
  const houses = await readSignals(database, connection.regionId, span, ['house_load']);
  const [planned] = await database.query<{ createdMs: number | null }>(
    'select min(created_at) as "createdMs" from plans where cell_id = $1 and created_at >= $2',
    [connection.cellId, new Date(held.anchorMs)],
  );
  const plan = await planOf(database, connection.cellId);
  const energyOf = (ids: readonly string[]): SlotEnergy => sumOf(ids.map((id) => byFeeder.get(id) ?? NONE));
  const baselines = new Map<string, Baseline>();
  const baselineFor = (ids: readonly string[]): Baseline => {
    const key = ids.join(' ');
    const known =
      baselines.get(key) ?? baselineOf({ event: span, energy: energyOf(ids), slotMs, timeZone, otherEvents });
    baselines.set(key, known);
    return known;
  };
  const plannedFor = new Map<string, PlannedEnergy>();
  return {
    baseline: baselineFor(feederIds),
    energy: energyOf(feederIds),
    energyByCar: byCar,
    houseKwh: houseEnergy(houses, feederIds, span.endMs),
    plannedMs: planned?.createdMs ?? null,
    meteredKwh: (ids, within) => energyWithin(energyOf(ids), within, slotMs),
    baselineKwh: (ids, within) => energyWithin(baselineFor(ids).slots, within, slotMs),
    plannedKwh: (ids, within) => {
      const key = ids.join(' ');
      const known = plannedFor.get(key) ?? plannedEnergy(plan, ids);
      plannedFor.set(key, known);
      return known(within);
    },
    isWhole: (within) => isWhole(within, slotMs),
    isCurtailed: (ids, within) =>
      energyWithin(energyOf(ids), within, slotMs) < energyWithin(baselineFor(ids).slots, within, slotMs),
    storage: (ids) => {
      const own = storage.filter(({ feederId }) => ids.includes(feederId));
      const sum = (read: (each: (typeof own)[number]) => number): number =>
        own.reduce((total, each) => total + read(each), 0);
      return {
        usableKwh: sum(({ usableKwh }) => usableKwh),
        storedKwh: sum(({ storedKwh }) => storedKwh),
        maxChargeKw: sum(({ maxChargeKw }) => maxChargeKw),
      };
    },
  };
}
