import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import OpenAI from 'openai';
import { pino } from 'pino';
import { afterAll, beforeAll } from 'vitest';

import type { ApiPorts, JobStarter, LiveInference, Quotes, StayNotifier } from '../../api/http/ports.ts';
import { startApiServer, type ApiServer } from '../../api/http/server.ts';
import { NightshiftError } from '../../domain/errors.ts';
import type { Database } from '../../store/database.ts';
import { createFileStore } from '../../store/objects/fileStore.ts';
import { sealWith } from '../../store/seal.ts';
import { sliceSignerWith } from '../../store/sliceAccess.ts';
import { modelAdmissionOver } from '../../worker/api/modelAdmission.ts';
import { CELL, enrolFleet } from '../support/fleetFixture.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- an answer that the test takes apart
export type Json = any;

const API_KEY = 'test-key';

/** Stands for Temporal, which these tests do not need: it remembers what it was asked. */
export interface RecordingStarter extends JobStarter {
  readonly started: string[];
  readonly cancelled: string[];
  readonly paused: Map<string, boolean>;
  /** Jobs that are gone, and how. */
  readonly lost: Map<string, string>;
  available: boolean;
}

export interface ApiHarness {
  /** Stays whose sessions were told of a new policy, as `<vehicle>/<stay>`. */
  readonly policyChanges: string[];
  readonly ports: ApiPorts;
  readonly jobs: RecordingStarter;
  /** Connections that were to be looked at. */
  readonly hinted: string[];
  /** What roll-outs were told. */
  readonly rolledOut: string[];
  /** Regions that were told of new signals. */
  readonly pushedTo: string[];
  /** Regions that are to be followed. */
  readonly startedRegions: string[];
  /** What courses of training runs were told, e.g. `pause train-1`. */
  readonly toldTrainings: string[];
  readonly server: ApiServer;
  readonly client: OpenAI;
  /** The JSON that a GET answers. */
  getJson(path: string): Promise<Json>;
  /** A request with the key, for what the SDK does not send. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
}

/** The real API on loopback, with the file's own database and object folder. Call at top level. */
export function useApi(
  database: Database,
  open: { readonly live?: (folder: string) => LiveInference; readonly quotes?: Partial<Quotes> } = {},
): ApiHarness {
  const jobs = recordingStarter();
  const hinted: string[] = [];
  const rolledOut: string[] = [];
  const pushedTo: string[] = [];
  const policyChanges: string[] = [];
  const startedRegions: string[] = [];
  const toldTrainings: string[] = [];
  const stays: StayNotifier = {
    policyChanged: async ({ vehicleId, stay }) => void policyChanges.push(`${vehicleId}/${stay}`),
  };
  let folder = '';
  let server: ApiServer | undefined;
  let ports: ApiPorts | undefined;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nightshift-api-'));
    await enrolFleet(database, ['car-1', 'car-2']);
    const logger = pino({ level: 'silent' });
    const live = open.live?.(folder) ?? {
      infer: async () => [],
      generate: async () => ({ statusCode: 500, body: {} }),
    };
    ports = {
      database,
      objects: createFileStore(folder),
      jobs,
      trainings: {
        start: async ({ id }, { nextRound }) => void toldTrainings.push(`start ${id} ${nextRound}`),
        setPaused: async (id, paused) => void toldTrainings.push(`${paused ? 'pause' : 'resume'} ${id}`),
        cancel: async (id) => void toldTrainings.push(`cancel ${id}`),
      },
      stays,
      vens: { hint: async (id) => void hinted.push(id) },
      rollouts: {
        start: async ({ name, version }) => void rolledOut.push(`start ${name} ${version}`),
        command: async ({ name, version }, command) => void rolledOut.push(`${command} ${name} ${version}`),
      },
      seal: sealWith('a key for tests'),
      slices: sliceSignerWith('a key for tests'),
      live,
      quotes: {
        quote: async () => ({ kind: 'no_plan' }),
        preview: async () => ({ chargeKwh: 0, computeKwh: 0, computeHours: 0, costEur: 0, gramsCo2: 0, missing: [] }),
        ...open.quotes,
      },
      admission: modelAdmissionOver(database, createFileStore(folder)),
      scratchFolder: join(folder, 'scratch'),
      maxModelBytes: 1024 ** 3,
      regions: {
        followLimits: async (regionId) => void pushedTo.push(`limits of ${regionId}`),
        signalsPushed: async (regionId) => void pushedTo.push(regionId),
      },
      regionKeeper: {
        checkedFeeds: (feeds) => feeds,
        start: async ({ id }) => void startedRegions.push(id),
      },
      webhookHosts: 'loopback',
      retention: { days: 90, settledDays: 400, orphanDays: 7 },
      temporalUi: null,
      page: new Map(),
      carDoors: {
        gateway: { address: '127.0.0.1:7243', tls: false, namespace: 'default' },
        mqttUrl: 'mqtt://127.0.0.1:18830',
        telemetryBase: 'telemetry',
      },
      cell: CELL,
      carbonEurPerKg: 0.08,
      missingEurPerKwh: 0.6,
      apiKey: API_KEY,
      logger,
      now: Date.now,
    };
    server = await startApiServer(ports, { host: '127.0.0.1', port: 0 });
  });
  afterAll(async () => {
    await server?.close();
    await rm(folder, { recursive: true });
  });

  const fetchWithKey: ApiHarness['fetch'] = (path, init = {}) => {
    const headers = new Headers(init.headers);
    if (!headers.has('authorization')) headers.set('authorization', `Bearer ${API_KEY}`);
    return fetch(started(server).url + path, { ...init, headers });
  };
  return {
    jobs,
    hinted,
    rolledOut,
    pushedTo,
    policyChanges,
    startedRegions,
    toldTrainings,
    fetch: fetchWithKey,
    getJson: async (path) => (await fetchWithKey(path)).json(),
    get ports() {
      return started(ports);
    },
    get server() {
      return started(server);
    },
    get client() {
      return new OpenAI({ apiKey: API_KEY, baseURL: `${started(server).url}/v1`, maxRetries: 0 });
    },
  };
}

function started<Thing>(thing: Thing | undefined): Thing {
  if (thing === undefined) throw new Error('The API runs only while tests do.');
  return thing;
}

function recordingStarter(): RecordingStarter {
  const started: string[] = [];
  const cancelled: string[] = [];
  const paused = new Map<string, boolean>();
  const lost = new Map<string, string>();
  const starter: RecordingStarter = {
    lost,
    started,
    cancelled,
    paused,
    available: true,
    start: async ({ id }) => {
      if (!starter.available) throw new NightshiftError('unavailable', 'Temporal is away.');
      if (lost.delete(id) || !started.includes(id)) started.push(id);
    },
    lossOf: async (id) => {
      if (!starter.available) throw new NightshiftError('unavailable', 'Temporal is away.');
      return lost.get(id);
    },
    cancel: async (id) => {
      if (!starter.available) throw new NightshiftError('unavailable', 'Temporal is away.');
      cancelled.push(id);
    },
    setPaused: async (id, isPaused) => {
      paused.set(id, isPaused);
    },
  };
  return starter;
}
