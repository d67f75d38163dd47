import type { OpenAdrPorts } from './openAdrPorts.ts';
import type { OpenAdrActivities } from '../../../domain/activities/openAdrActivities.ts';
import { gridTimeMs } from '../../../domain/clock.ts';
import type { OpenAdrStatus } from '../../../domain/openAdr.ts';
import { readCell } from '../../../store/cells.ts';
import { appendJournal } from '../../../store/journal.ts';
import { openSecrets, readConnection, saveConnectionStatus, type OpenAdrConnection } from '../../../store/openAdr.ts';
import { readRegion } from '../../../store/regions.ts';
import type { VenSync } from '../../../domain/workflows/openAdrVen.ts';
import { applyHeldEvents, askForHints, feedersOf, takeEvents, type SyncContext } from './synchronise.ts';
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
      const { client, secrets } = clientOf(connection);
      const context: SyncContext = {
        database,
        connection,
        timeZone: region.timeZone,
        slotMs: cell.slotMinutes * 60_000,
        nowMs,
        feeders: await feedersOf(database, connection),
        shed,
      };
      let taken: Awaited<ReturnType<typeof takeEvents>> | undefined;
      let failure: VtnError | undefined;
      try {
        taken = await takeEvents(context, client);
      } catch (error) {
        if (!(error instanceof VtnError)) throw error;
        failure = error;
      }
      const applied = await applyHeldEvents(context, taken?.feeders, taken ? client : undefined);
      const hints = taken ? await askForHints(connection, client, taken.venId, secrets, ports.listen) : before;
      const told = failure?.message ?? applied.failure;
      const status: OpenAdrStatus = {
        syncedAtMs: taken ? nowMs : before.syncedAtMs,
        failures: told === null ? 0 : before.failures + 1,
        failure: told,
        programs: taken?.programs ?? before.programs,
        events: applied.events,
        refused: applied.refused,
        webhook: hints.webhook,
        mqtt: hints.mqtt,
        ignoredTypes: applied.ignoredTypes,
      };
      await saveConnectionStatus(database, connectionId, status);
      if (failure && before.failures === 0) {
        await appendJournal(database, connection.cellId, [
          {
            atMs: nowMs,
            kind: 'fallback',
            subject: connection.regionId,
            message: `${connectionId} does not answer as it should; what it said before holds: ${failure.message}`,
            dedupeKey: `openadr/${connectionId}/failing/${before.syncedAtMs ?? 0}`,
          },
        ]);
      }
      return {
        status,
        regionId: connection.regionId,
        changed: applied.changed,
        isAway: failure !== undefined,
        pollEveryMs: connection.settings.pollSeconds * 1000,
        nextReportMs: applied.nextReportMs,
        retryAfterRealMs: failure?.retryAfterRealMs ?? null,
        timeZone: region.timeZone,
      };
    },
  };
}
