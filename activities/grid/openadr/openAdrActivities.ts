import { MINUTE_MS } from '../../../domain/durations.ts';
import type { OpenAdrPorts } from './openAdrPorts.ts';
import type { OpenAdrActivities } from '../../../domain/activities/openAdrActivities.ts';
import { gridTimeMs } from '../../../domain/clock.ts';
import { NightshiftError } from '../../../domain/errors.ts';
import type { OpenAdrStatus } from '../../../domain/openAdr.ts';
import { readCell } from '../../../store/cells.ts';
import { appendJournal } from '../../../store/journal.ts';
import type { JournalLine } from '../../../domain/journal.ts';
import {
  deleteConnection,
  openSecrets,
  readConnection,
  saveConnectionStatus,
  type OpenAdrConnection,
} from '../../../store/openAdrConnections.ts';
import { readRegion } from '../../../store/regions.ts';
import type { VenSync } from '../../../domain/workflows/openAdrVen.ts';
import { applyHeldEvents } from './applyEvents.ts';
import { unregister } from './registration.ts';
import { askForHints, feedersOf, takeEvents, type SyncContext } from './synchronise.ts';
import { vtnClient, type VtnClient } from './vtnClient.ts';
import { VtnError } from './vtnError.ts';

const NEVER: OpenAdrStatus = {
  syncedAtMs: null,
  failures: 0,
  failure: null,
  programs: 0,
  events: 0,
  refused: 0,
  webhook: 'not asked for yet',
  mqtt: 'not asked for yet',
  ignoredTypes: [],
};

export function createOpenAdrActivities(ports: OpenAdrPorts): OpenAdrActivities {
  const { database, seal, shed } = ports;
  // Tokens live in the clients, so a client is kept while its connection stays the same.
  const clients = new Map<string, { readonly form: string; readonly client: VtnClient }>();

  const clientOf = (connection: OpenAdrConnection) => {
    const secrets = openSecrets(seal, connection);
    const form = JSON.stringify([connection.settings, connection.sealed]);
    const known = clients.get(connection.id);
    if (known?.form === form) return { client: known.client, secrets };
    const client = vtnClient(connection.settings, secrets, ports.now, ports.limits);
    clients.set(connection.id, { form, client });
    return { client, secrets };
  };

  return {
    /**
     * Synchronises with one utility: takes its events, puts what they mean into the region's signals, measures, and
     * sends the reports that are due. A server that fails is told in the result and changes nothing that is held; what
     * is held goes on.
     * @returns null when the connection is no longer configured
     */
    async syncVtn({ connectionId }: { connectionId: string }): Promise<VenSync | null> {
      const connection = await readConnection(database, connectionId);
      const region = connection && (await readRegion(database, connection.regionId));
      const cell = connection && (await readCell(database, connection.cellId));
      if (!connection || !region || !cell) {
        clients.delete(connectionId);
        ports.listen(connectionId, undefined);
        return null;
      }
      const nowMs = Math.round(gridTimeMs(cell.clock, ports.now()));
      const before = connection.status ?? NEVER;
      const context: SyncContext = {
        database,
        connection,
        timeZone: region.timeZone,
        slotMs: cell.slotMinutes * MINUTE_MS,
        nowMs,
        feeders: await feedersOf(database, connection),
        shed,
      };
      if (connection.isRemoving) {
        await remove(context, () => clientOf(connection).client);
        clients.delete(connectionId);
        ports.listen(connectionId, undefined);
        return null;
      }
      const { client, secrets } = clientOf(connection);
      const taken = await takeEvents(context, client, secrets);
      const { registered, failure } = taken;
      const isAway = failure !== null;
      const applied = await applyHeldEvents(context, registered, isAway ? undefined : client);
      const hints = isAway ? before : await askForHints(connection, client, registered, secrets, ports.listen);
      const status: OpenAdrStatus = {
        syncedAtMs: isAway ? before.syncedAtMs : nowMs,
        failures: isAway ? before.failures + 1 : 0,
        failure: failure?.message ?? null,
        reportFailures: applied.reportFailure === null ? 0 : (before.reportFailures ?? 0) + 1,
        reportFailure: applied.reportFailure,
        registrationFailure: taken.registrationFailure,
        programs: taken.programs,
        events: applied.events,
        refused: applied.refused,
        webhook: hints.webhook,
        mqtt: hints.mqtt,
        ignoredTypes: applied.ignoredTypes,
      };
      await saveConnectionStatus(database, connection, status);
      await appendJournal(database, connection.cellId, troubleLines(connection, before, status, nowMs));
      return {
        status,
        regionId: connection.regionId,
        changed: applied.changed,
        isAway,
        pollEveryMs: connection.settings.pollSeconds * 1000,
        nextReportMs: applied.nextReportMs,
        retryAfterRealMs: failure?.retryAfterRealMs ?? null,
        timeZone: region.timeZone,
      };
    },
  };
}

/** Takes back what we made at the server, as far as it lets us, and then removes what is stored of it. */
async function remove({ database, connection, nowMs }: SyncContext, clientOf: () => VtnClient): Promise<void> {
  const { id, cellId, regionId, settings, registered } = connection;
  let message = `${id} is followed no more`;
  try {
    await unregister(clientOf(), id, settings, registered);
  } catch (error) {
    // Credentials that were sealed with another key must not keep a connection for ever, either.
    const isSealed = error instanceof NightshiftError && error.code === 'invalid_config';
    if (!(error instanceof VtnError) && !isSealed) throw error;
    message += `; what we are registered as there could not be removed: ${error.message}`;
  }
  const dedupeKey = `openadr/${id}/removed/${nowMs}`;
  await appendJournal(database, cellId, [
    { atMs: nowMs, kind: 'utility_event', subject: regionId, message, dedupeKey },
  ]);
  await deleteConnection(database, id);
}

/** A line when a trouble begins, not at every poll until it ends. */
function troubleLines(
  { id, regionId }: OpenAdrConnection,
  before: OpenAdrStatus,
  now: OpenAdrStatus,
  nowMs: number,
): JournalLine[] {
  const since = before.syncedAtMs ?? 0;
  const line = (message: string, what: string): JournalLine => {
    const dedupeKey = `openadr/${id}/${what}/${since}`;
    return { atMs: nowMs, kind: 'fallback', subject: regionId, message: `${id} ${message}`, dedupeKey };
  };
  const lines: JournalLine[] = [];
  if (now.failure !== null && before.failures === 0) {
    lines.push(line(`does not answer as it should; what it said before holds: ${now.failure}`, 'failing'));
  }
  if (now.failure === null && now.registrationFailure != null && before.registrationFailure == null) {
    const message = `does not tell what we are to it; targets are as they were: ${now.registrationFailure}`;
    lines.push(line(message, 'registration'));
  }
  return lines;
}
