import { HOUR_MS } from '../../../domain/durations.ts';
import type { OpenAdrRegistration, OpenAdrSecrets, OpenAdrStatus } from '../../../domain/openAdr.ts';
import type { Database } from '../../../store/database.ts';
import { listFeederEnergy, listFeederStorage } from '../../../store/feederMeters.ts';
import { listFeederSupplies, listFeeders } from '../../../store/feeders.ts';
import { listConnections, saveRegistration, type OpenAdrConnection } from '../../../store/openAdrConnections.ts';
import { listEventsOf, type OpenAdrEvent } from '../../../store/openAdrEvents.ts';
import { readSignals } from '../../../store/signals.ts';
import type { EmergencyShed } from '../emergencyShed.ts';
import { DEFAULT_FEEDER_SUPPLY } from '../../../domain/feederSupply.ts';
import { holdEvents } from './holdEvents.ts';
import { mqttOffer } from './mqttOffer.ts';
import type { OpenAdrPorts } from './openAdrPorts.ts';
import { addresseesOf, register, subscribe, targetsOf, type RegisteredFeeder } from './registration.ts';
import type { VtnClient } from './vtnClient.ts';
import { VtnError } from './vtnError.ts';
import { textOf, walkEvents } from './walkEvents.ts';

/** Events that are over are looked at for as long: reports are caught up and corrected. */
const BEHIND_MS = 48 * HOUR_MS;

export interface SyncContext {
  readonly database: Database;
  readonly connection: OpenAdrConnection;
  readonly timeZone: string;
  readonly slotMs: number;
  /** Grid time. */
  readonly nowMs: number;
  readonly feeders: readonly RegisteredFeeder[];
  readonly shed: EmergencyShed;
}

/** The feeders that a connection speaks for. */
export async function feedersOf(database: Database, connection: OpenAdrConnection): Promise<RegisteredFeeder[]> {
  const { cellId, regionId, settings } = connection;
  const feeders = (await listFeeders(database, cellId)).filter(
    (feeder) =>
      feeder.regionId === regionId && (settings.feederIds.length === 0 || settings.feederIds.includes(feeder.id)),
  );
  const supplies = await listFeederSupplies(database, cellId);
  const storage = await listFeederStorage(
    database,
    feeders.map(({ id }) => id),
  );
  return feeders.map(({ id, failSafeImportKw }) => ({
    id,
    failSafeImportKw,
    supply: supplies.get(id) ?? DEFAULT_FEEDER_SUPPLY,
    maxConsumptionKw: storage.find(({ feederId }) => feederId === id)?.enrolledChargeKw ?? 0,
  }));
}

/** Events that are looked at: those in force, to come, and over for less than two days. */
export async function eventsOf({ database, connection, nowMs }: SyncContext): Promise<OpenAdrEvent[]> {
  return listEventsOf(database, connection.id, nowMs - BEHIND_MS);
}

/** What the random shift of starts is seeded with: our own id there, so that sites do not all start at once. */
export function seedOf(
  { settings }: Pick<OpenAdrConnection, 'settings'>,
  registered: OpenAdrRegistration | null,
): string {
  return registered?.venId ?? settings.venName;
}

/** What one look at the server came to. */
export interface Taken {
  readonly registered: OpenAdrRegistration | null;
  readonly registrationFailure: string | null;
  readonly programs: number;
  /** Why events could not be read; what is held holds. */
  readonly failure: VtnError | null;
}

/** Registers, and takes what the server has into what is held. Events are read also where we cannot register. */
export async function takeEvents(context: SyncContext, client: VtnClient, secrets: OpenAdrSecrets): Promise<Taken> {
  const { database, connection, feeders, nowMs } = context;
  const { settings } = connection;
  const others = (await listConnections(database, connection.cellId)).filter(({ id }) => id !== connection.id);
  const { registered, failure } = await register(client, {
    settings,
    clientId: secrets.client?.id,
    feeders,
    known: connection.registered,
    otherVenIds: others.flatMap((other) => (other.registered ? [other.registered.venId] : [])),
  });
  if (registered) await saveRegistration(database, connection, registered);
  const known = await eventsOf(context);
  const held = known
    .filter(({ goneMs }) => goneMs === null)
    .map(({ eventId, body }) => ({ eventId, programId: textOf(body, 'programID') }));
  const before = { registered, registrationFailure: failure, programs: connection.status?.programs ?? 0 };
  try {
    const targets = targetsOf(registered, feeders, settings.targets);
    const walk = await walkEvents(client, targets, settings.programs, held);
    await holdEvents(database, known, walk, {
      connection,
      timeZone: context.timeZone,
      addressees: addresseesOf(registered, feeders),
      seed: seedOf(connection, registered),
      referenceKw: (feederIds) => referenceKw(context, feederIds),
      nowMs,
    });
    return { ...before, programs: walk.programs, failure: null };
  } catch (error) {
    if (!(error instanceof VtnError)) throw error;
    return { ...before, failure: error };
  }
}

/** Asks to be told of changes; why not, or null when it will be. After the events: an emergency does not wait for it. */
export async function askForHints(
  { id, settings, notifiedMs }: Pick<OpenAdrConnection, 'id' | 'settings' | 'notifiedMs'>,
  client: VtnClient,
  registered: OpenAdrRegistration | null,
  secrets: OpenAdrSecrets,
  listen: OpenAdrPorts['listen'],
): Promise<Pick<OpenAdrStatus, 'webhook' | 'mqtt'>> {
  const refused = await subscribe(client, id, settings, registered, secrets);
  // A subscription is a promise: it works when the first notification has come through.
  const webhook = refused ?? (notifiedMs === null ? 'subscribed, but nothing has arrived yet' : null);
  const offer = await mqttOffer(client, registered?.venId ?? null, settings, secrets);
  const mqtt = typeof offer === 'string' ? (listen(id, undefined), offer) : listen(id, offer);
  return { webhook, mqtt };
}

/** Mean load of the last metered hour, with what the houses take now. */
async function referenceKw(
  { database, connection, slotMs, nowMs }: SyncContext,
  feederIds: readonly string[],
): Promise<number | null> {
  const endMs = Math.floor(nowMs / slotMs) * slotMs;
  const energy = await listFeederEnergy(database, feederIds, { startMs: endMs - HOUR_MS, endMs });
  const houses = await readSignals(database, connection.regionId, { startMs: nowMs, endMs: nowMs + 1 }, ['house_load']);
  const ofFeeders = houses.filter(({ feederId }) => feederId !== null && feederIds.includes(feederId));
  if (energy.length === 0 && ofFeeders.length === 0) return null;
  return energy.reduce((sum, { kwh }) => sum + kwh, 0) + ofFeeders.reduce((sum, { value }) => sum + value, 0);
}
