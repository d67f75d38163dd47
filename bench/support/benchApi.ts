import { tmpdir } from 'node:os';

import { pino } from 'pino';

import type { PageFiles } from '../../api/http/pageFiles.ts';
import type { LiveInference } from '../../api/http/ports.ts';
import { startApiServer, type ApiServer } from '../../api/http/server.ts';
import { REAL_TIME } from '../../domain/clock.ts';
import { ensureCell } from '../../store/cells.ts';
import type { Database } from '../../store/database.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import { sealWith } from '../../store/seal.ts';
import { sliceSignerWith } from '../../store/sliceAccess.ts';
import { modelAdmissionOver } from '../../worker/api/modelAdmission.ts';

export const BENCH_KEY = 'bench-key';

/** The API on loopback, with jobs that nobody starts. */
export async function startBenchApi(
  database: Database,
  objects: ObjectStore,
  live: LiveInference,
  { id = 'bench', page = new Map() }: { readonly id?: string; readonly page?: PageFiles } = {},
): Promise<ApiServer> {
  const cell = await ensureCell(database, { id, clock: REAL_TIME, slotMinutes: 15, incarnation: '1' });
  return startApiServer(
    {
      database,
      objects,
      live,
      quotes: {
        quote: async () => ({ kind: 'no_plan' }),
        preview: async () => ({ chargeKwh: 0, computeKwh: 0, computeHours: 0, costEur: 0, gramsCo2: 0, missing: [] }),
      },
      admission: modelAdmissionOver(database, objects),
      scratchFolder: tmpdir(),
      maxModelBytes: 1024 ** 3,
      jobs: { start: async () => {}, lossOf: async () => undefined, cancel: async () => {}, setPaused: async () => {} },
      trainings: { start: async () => {}, cancel: async () => {}, setPaused: async () => {} },
      cell,
      stays: { policyChanged: async () => {} },
      vens: { hint: async () => {} },
      rollouts: { start: async () => {}, command: async () => {} },
      seal: sealWith('a key for benches'),
      slices: sliceSignerWith('a key for benches'),
      regions: { followLimits: async () => undefined, signalsPushed: async () => undefined },
      temporalUi: null,
      page,
      carDoors: {
        gateway: { address: '127.0.0.1:7243', tls: false, namespace: 'default' },
        mqttUrl: 'mqtt://127.0.0.1',
        telemetryBase: 'telemetry',
      },
      regionKeeper: { checkedFeeds: (feeds) => feeds, start: async () => {} },
      webhookHosts: 'public',
      retention: { days: 90, settledDays: 400, orphanDays: 7 },
      carbonEurPerKg: 0,
      missingEurPerKwh: 0.6,
      apiKey: BENCH_KEY,
      logger: pino({ level: 'silent' }),
      now: Date.now,
    },
    { host: '127.0.0.1', port: 0 },
  );
}
