import { randomUUID } from 'node:crypto';

import { afterEach, beforeAll, beforeEach } from 'vitest';

import { createEmergencyShed } from '../../../../activities/grid/emergencyShed.ts';
import type { MqttOffer } from '../../../../activities/grid/openadr/openAdrPorts.ts';
import { createOpenAdrActivities } from '../../../../activities/grid/openadr/openAdrActivities.ts';
import { openAdrSettingsSchema } from '../../../../domain/openAdr.ts';
import { Vtn } from '../../../../simulator/vtn/vtn.ts';
import type { Database } from '../../../../store/database.ts';
import { readJournal } from '../../../../store/journal.ts';
import { deleteConnection, upsertConnection } from '../../../../store/openAdrConnections.ts';
import { sealWith } from '../../../../store/seal.ts';
import { readSignals } from '../../../../store/signals.ts';
import type { VenSync } from '../../../../domain/workflows/openAdrVen.ts';
import { CELL, enrolFleet } from '../../../support/fleetFixture.ts';

export const HOUR_MS = 3_600_000;
export const MINUTE_MS = 60_000;
export const MIDNIGHT_MS = Date.parse('2026-02-10T00:00:00Z');
export const SECRET = 'the-secret-of-the-ven';
export const TEST_SEAL = sealWith('a key for tests');

/** A utility's server with one program, and the connection to it, fresh for each test. It is midnight at first. */
export interface TestVen {
  nowMs: number;
  readonly vtn: Vtn;
  readonly id: string;
  /** What was offered to listen to, newest last. */
  readonly offers: MqttOffer[];
  /** Topics on which cars were told to shed. */
  readonly sheds: string[];
  /** Topics that the server has published to. */
  readonly published: string[];
  connect(over?: Record<string, unknown>): Promise<void>;
  /** Synchronises this connection, or another one of the cell. */
  sync(connectionId?: string): Promise<VenSync | null>;
  /** `1-2 9`: hours since midnight, kW. */
  limits(): Promise<string[]>;
  /** What the journal says of the connection. */
  journal(): Promise<string[]>;
}

/** Call at top level. */
export function useVen(database: Database): TestVen {
  let vtn: Vtn | undefined;
  let id = '';
  const opened = (): Vtn => {
    if (!vtn) throw new Error('the server runs only while tests do');
    return vtn;
  };
  const activities = createOpenAdrActivities({
    database,
    seal: TEST_SEAL,
    shed: createEmergencyShed({
      database,
      vehicles: { publish: async (topic) => void ven.sheds.push(topic), withdraw: async () => {} },
    }),
    now: () => ven.nowMs,
    listen: (_, offer) => {
      if (!offer) return 'not offered';
      ven.offers.push(offer);
      return null;
    },
    limits: { answerLimitRealMs: 500, maxBytes: 200_000 },
  });
  const ven: TestVen = {
    nowMs: MIDNIGHT_MS,
    offers: [],
    sheds: [],
    published: [],
    get vtn() {
      return opened();
    },
    get id() {
      return id;
    },
    async connect(over = {}) {
      const settings = openAdrSettingsSchema.parse({
        vtnUrl: opened().url,
        regionId: 'oslo',
        venName: `ven-${id}`,
        ...over,
      });
      const secrets = { client: { id: 'ven', secret: SECRET }, callbackToken: 'callback-token' };
      await upsertConnection(database, { id, settings, sealed: TEST_SEAL.seal(JSON.stringify(secrets), id) });
    },
    sync: (connectionId = id) => activities.syncVtn({ connectionId }),
    async limits() {
      const window = { startMs: MIDNIGHT_MS - HOUR_MS, endMs: MIDNIGHT_MS + 48 * HOUR_MS };
      return (await readSignals(database, 'oslo', window, ['import_limit'])).map(
        ({ startMs, endMs, value }) =>
          `${(startMs - MIDNIGHT_MS) / HOUR_MS}-${(endMs - MIDNIGHT_MS) / HOUR_MS} ${value}`,
      );
    },
    async journal() {
      const lines = await readJournal(database, CELL.id, 0, 1_000);
      return lines.map(({ message }) => message).filter((message) => message.includes(id));
    },
  };
  beforeAll(() => enrolFleet(database, ['car-1', 'car-2']));
  beforeEach(async () => {
    ven.nowMs = MIDNIGHT_MS;
    ven.sheds.length = 0;
    ven.offers.length = 0;
    const mqtt = { uri: 'mqtts://broker.example.org', publish: (topic: string) => void ven.published.push(topic) };
    vtn = await Vtn.start({ clientId: 'ven', clientSecret: SECRET, mqtt });
    vtn.create('programs', { id: 'p1', programName: 'Relief' });
    id = `grid-${randomUUID().slice(0, 8)}`;
    await ven.connect();
  });
  afterEach(async () => {
    await deleteConnection(database, id);
    await vtn?.close();
  });
  return ven;
}

/** An event that limits the feeder from 01:00 to 02:00. */
export function limitEvent(kw: number, over: Record<string, unknown> = {}) {
  return {
    programID: 'p1',
    eventName: 'Evening relief',
    intervalPeriod: { start: '2026-02-10T01:00:00Z', duration: 'PT1H' },
    payloadDescriptors: [{ objectType: 'EVENT_PAYLOAD_DESCRIPTOR', payloadType: 'IMPORT_CAPACITY_LIMIT', units: 'KW' }],
    intervals: [{ id: 4, payloads: [{ type: 'IMPORT_CAPACITY_LIMIT', values: [kw] }] }],
    ...over,
  };
}
