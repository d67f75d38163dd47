import { randomBytes } from 'node:crypto';
import { gridTimeMs, realDelayUntilMs } from '../domain/clock.ts';
import type { NightUtility } from './night/nightFile.ts';
import { nightEvent } from './night/nightEvent.ts';
import { Vtn } from '../simulator/vtn/vtn.ts';
import type { Cell } from '../store/cells.ts';
import type { ApiClient } from '../api/client/apiClient.ts';
import { GridClient } from '../api/client/gridClient.ts';
import type { GridEventWithProofWire } from '../api/wire/gridEvents.ts';

const PROGRAM = 'capacity';
/** Grid time; notifications come at once, this only finds what they lose. */
const POLL_SECONDS = 900;
/** 5 s of a night that runs 240 times as fast. */
const REPORTS_WITHIN_REAL_MS = 8_000;
const LOOK_EVERY_REAL_MS = 250;

/** A utility of the night: its server on loopback, connected as any utility's is. */
export interface RunningUtility {
  /** Waits for the last report and asks the product for its proof. @returns the event as the API shows it, and the reports as the server got them */
  proof(): Promise<{ readonly event: GridEventWithProofWire; readonly reports: readonly unknown[] }>;
  close(): Promise<void>;
}

/**
 * Starts the utility's server, has Nightshift follow it, and lets it send its event when its time comes. A stack that
 * was killed and goes on finds the same event at a new server.
 */
export async function startNightUtility(
  utility: NightUtility,
  cell: Cell,
  api: ApiClient,
  apiUrl: string,
): Promise<RunningUtility> {
  const secret = randomBytes(16).toString('hex');
  const vtn = await Vtn.start({
    clientId: 'nightshift',
    clientSecret: secret,
    now: () => gridTimeMs(cell.clock, Date.now()),
  });
  vtn.create('programs', { id: PROGRAM, programName: 'Dynamic capacity' });
  const event = nightEvent(utility, PROGRAM);
  const grid = new GridClient(api);
  const announce = setTimeout(
    () => void vtn.create('events', event),
    realDelayUntilMs(cell.clock, utility.event.announcedAt, Date.now()),
  );
  try {
    await grid.connect(utility.id, {
      vtn_url: vtn.url,
      client_id: 'nightshift',
      client_secret: secret,
      region: utility.region,
      feeders: utility.feeders,
      poll_seconds: POLL_SECONDS,
      callback_url: apiUrl,
    });
  } catch (error) {
    clearTimeout(announce);
    await vtn.close();
    throw error;
  }
  return {
    async proof() {
      const giveUpRealMs = Date.now() + REPORTS_WITHIN_REAL_MS;
      const asked = Array.isArray(event['reportDescriptors']) ? event['reportDescriptors'].length : 0;
      while (vtn.store.list('reports').length < asked && Date.now() < giveUpRealMs) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_REAL_MS));
      }
      const shown = await grid.event(String(event['id']));
      return { event: shown, reports: vtn.store.list('reports') };
    },
    async close() {
      clearTimeout(announce);
      await vtn.close();
    },
  };
}
