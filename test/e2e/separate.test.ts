import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SITE_NODE } from '../support/siteNode.ts';
import { exchangeCode } from '../../agent/carDoors.ts';
import { ApiClient } from '../../api/client/apiClient.ts';
import { BatchClient } from '../../api/client/batchClient.ts';
import { enrolmentCodeSchema } from '../../api/wire/agents.ts';
import type { BatchWire } from '../../api/wire/batch.ts';
import { isFinalBatchStatus } from '../../domain/batches.ts';
import { parseAnswerLine } from '../../domain/batchLines.ts';
import { DAY_MS, HOUR_MS } from '../../domain/durations.ts';
import { METRICS, type MetricName, type MetricSpec } from '../../domain/metrics.ts';
import { renderBatch } from '../../demo/glosses/batchFile.ts';
import { OCR_MODEL } from '../../demo/work/ocrWork.ts';
import { eventually } from '../support/eventually.ts';
import { freePort, freePorts } from '../support/freePorts.ts';
import { missingPrograms, SeparateServers } from './support/separateServers.ts';
import { makeNextRelease } from './support/nextRelease.ts';
import { DIST, SeparateProcess, type Containers } from './support/separateProcess.ts';

const REQUESTS = 24;
const LIMIT_MS = 180_000;
const KEY = 'the key of the operator';
const missing = missingPrograms();
/** An image of ours that the cell's processes run from, where one was built , see docs/run-for-real.md. */
const image = process.env.TEST_IMAGE;

/** What is there only where something happened that did not happen here, or where TLS is. */
const NOT_SEEN_HERE: readonly MetricName[] = [
  'nightshift_certificate_seconds_left',
  'nightshift_plan_gap_ratio',
  'nightshift_utility_failures',
  'nightshift_feed_age_seconds',
  'nightshift_cars_by_reason',
  'nightshift_gateway_refused_total',
  'nightshift_gateway_failed_attempts_total',
  'nightshift_telemetry_lost_total',
  // A slot has to end first.
  'nightshift_metered_kw',
  'nightshift_metered_slot_planned_kw',
  'nightshift_shards_waiting',
  // One of two control processes does it, and it may have been the other one.
  'nightshift_solver_seconds',
  'nightshift_shards_judged_total',
];

describe.skipIf(missing.length > 0)(
  `a cell of separate processes on servers that others run (skipped where mosquitto or an S3 server, versitygw or moto_server, is not on PATH)`,
  () => {
    let folder: string;
    let servers: SeparateServers;
    let env: NodeJS.ProcessEnv;
    let metricsPort: number;
    let metricsPorts: Record<'control' | 'api' | 'gateway', number>;
    const running = new Map<string, SeparateProcess>();
    let apiPorts: Record<string, number>;

    const launch = (
      name: string,
      args: readonly string[],
      { more = {}, build = DIST }: { more?: Record<string, string>; build?: string | Containers } = {},
    ): void => {
      const own = { ...env, NIGHTSHIFT_STATE_DIR: join(folder, name), ...more };
      running.set(name, new SeparateProcess(name, folder, own, args, build));
    };
    const PROGRAMS: Record<string, string> = {
      'control-1': 'worker/control/main.js',
      'control-2': 'worker/control/main.js',
      'api-1': 'worker/api/main.js',
      'api-2': 'worker/api/main.js',
      gateway: 'worker/gateway/main.js',
    };
    /** Starts a process of the cell, of this build unless another is given. */
    const launchServer = (name: string, build: string | Containers = containers() ?? DIST): void => {
      const more: Record<string, string> = {};
      if (name === 'api-2') more.NIGHTSHIFT_API_PORT = String(apiPorts['api-2']);
      if (!name.endsWith('-2')) more.NIGHTSHIFT_METRICS_PORT = String(metricsPort);
      launch(name, [PROGRAMS[name] ?? ''], { more, build });
    };
    const containers = (): Containers | undefined => {
      const [command = 'docker', ...options] = (process.env.TEST_CONTAINERS ?? 'docker').split(' ');
      return image === undefined ? undefined : { image, runtime: [command, ...options], folder };
    };
    const processOf = (name: string): SeparateProcess => {
      const found = running.get(name);
      if (!found) throw new Error(`${name} was not started`);
      return found;
    };
    const client = (name: string): ApiClient => new ApiClient(`http://127.0.0.1:${apiPorts[name]}`, KEY);
    const cliOf = async (build: string, ...args: string[]): Promise<string> => {
      const own = { env: { ...env, NIGHTSHIFT_STATE_DIR: folder } };
      return (await promisify(execFile)(process.execPath, [`${build}cli/main.js`, ...args], own)).stdout;
    };
    const cli = (...args: string[]): Promise<string> => cliOf(DIST, ...args);
    const isReady = async (name: string): Promise<true | undefined> =>
      (await fetch(`http://127.0.0.1:${apiPorts[name]}/health`)).ok || undefined;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'nightshift-separate-'));
      // In a container they run as another user.
      if (image !== undefined) await chmod(folder, 0o755);
      servers = await SeparateServers.start(folder);
      const [first = 0, second = 0, gateway = 0] = await freePorts(3);
      metricsPort = await freePort();
      apiPorts = { 'api-1': first, 'api-2': second };
      metricsPorts = { control: metricsPort, api: metricsPort + 1, gateway: metricsPort + 2 };
      await writeFile(join(folder, 'cell.yaml'), JSON.stringify(CELL));
      await writeFile(join(folder, 'signals.json'), JSON.stringify(signalsFrom(Date.now())));
      env = {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        TZ: 'UTC',
        NIGHTSHIFT_CONFIG: '',
        ...servers.environment,
        NIGHTSHIFT_CELL_FILE: join(folder, 'cell.yaml'),
        NIGHTSHIFT_SECRETS_KEY: 'a key of twenty-four characters or more',
        NIGHTSHIFT_API_KEY: KEY,
        NIGHTSHIFT_API_PORT: String(first),
        NIGHTSHIFT_OBJECTS_CAR_URL: `http://127.0.0.1:${first}`,
        NIGHTSHIFT_GATEWAY_PORT: String(gateway),
        NIGHTSHIFT_MODELS_EMBEDDING: 'none',
      };
      await cli('migrate');
      for (const name of Object.keys(PROGRAMS)) launchServer(name);
      for (const name of Object.keys(apiPorts)) await eventually(`${name} answers`, LIMIT_MS, () => isReady(name));
      for (const node of ['node-1', 'node-2']) await enrol(node);
    }, 300_000);

    afterAll(async () => {
      await Promise.all([...running.values()].map((each) => each.stop()));
      await servers?.stop();
      await rm(folder, { recursive: true, force: true });
    }, 120_000);

    async function enrol(node: string): Promise<void> {
      const made = await client('api-1').json('POST', '/fleet/v1/enrolments', { ...NODE, id: node, displayName: node });
      const apiUrl = `http://127.0.0.1:${apiPorts['api-1']}`;
      const { carId, key } = await exchangeCode(apiUrl, enrolmentCodeSchema.parse(made).code);
      servers.admitCar(carId, key);
      const configFile = join(folder, `${node}.yaml`);
      await writeFile(configFile, JSON.stringify({ api: apiUrl, carId, key }), { mode: 0o600 });
      launch(node, ['cli/main.js', 'agent', 'run', configFile]);
    }

    async function submitted(): Promise<string> {
      const file = join(folder, 'input.jsonl');
      await renderBatch({ count: REQUESTS, seed: 1, model: OCR_MODEL, file });
      const batches = new BatchClient(client('api-2'));
      const batch = await batches.submit({
        input_file_id: await batches.upload(file),
        endpoint: `/v2/models/${OCR_MODEL}/infer`,
        completion_window: '24h',
        metadata: { 'grid.deadline': new Date(Date.now() + 3 * HOUR_MS).toISOString() },
      });
      return batch.id;
    }

    const expectAnswered = async ({ status, output_file_id: file }: BatchWire): Promise<void> => {
      expect(status).toBe('completed');
      const text = await (await new BatchClient(client('api-1')).content(file ?? '')).text();
      const answers = text.trimEnd().split('\n').map(parseAnswerLine);
      expect(new Set(answers.map((answer) => answer.custom_id)).size).toBe(REQUESTS);
      expect(answers).toHaveLength(REQUESTS);
      expect(answers.filter(({ response }) => response?.status_code !== 200)).toEqual([]);
    };
    const withLogs = (cause: unknown): never => {
      const logs = [...running.values()].map(({ name, log }) => `--- ${name}\n${log}`).join('\n');
      throw new Error(`it does not go on as it must; the processes said:\n${logs}`, { cause });
    };

    const scraped = async (name: keyof typeof metricsPorts): Promise<string> =>
      (await fetch(`http://127.0.0.1:${metricsPorts[name]}/metrics`)).text();

    let batchId: string | undefined;
    /** A shard is on a car; a batch that has ended is judged, and the next one is sent. */
    const whileComputing = (until: string): Promise<true> =>
      eventually(`a shard is computed ${until}`, LIMIT_MS, async () => {
        const batch = batchId === undefined ? undefined : await new BatchClient(client('api-2')).read(batchId);
        if (batch && !isFinalBatchStatus(batch.status)) return (batch.x_grid.shards?.in_flight ?? 0) > 0 || undefined;
        if (batch) await expectAnswered(batch);
        batchId = await submitted();
        return undefined;
      }).catch(withLogs);
    const expectAllAnsweredAndPaid = async (after: string): Promise<void> => {
      await eventually(`the last batch ends after ${after}`, LIMIT_MS, async () => {
        const batch = await new BatchClient(client('api-1')).read(batchId ?? '');
        return isFinalBatchStatus(batch.status) ? batch : undefined;
      })
        .then(expectAnswered)
        .catch(withLogs);
      batchId = undefined;
      const ledger: unknown = JSON.parse(await cli('ledger', 'verify', '--json'));
      expect(ledger).toMatchObject({ fault_count: 0 });
    };

    test(
      'kill -9 of each, one after the other, while batches run: all of it is answered and paid once',
      { timeout: 900_000 },
      async () => {
        for (const name of ['control-1', 'api-1', 'gateway', 'control-2', 'api-2', 'node-1', 'node-2']) {
          await whileComputing(`before the death of ${name}`);
          await processOf(name).kill();
        }
        await expectAllAnsweredAndPaid('the deaths');
      },
    );

    // An image of the next release would be another one.
    test.skipIf(image !== undefined)(
      'a next release takes over process by process while batches run, and is given up again',
      { timeout: 900_000 },
      async () => {
        const next = await makeNextRelease(folder);
        expect(await cliOf(next, 'migrate', '--check')).toContain('9999_next_release.sql');
        await cliOf(next, 'migrate');
        for (const [build, change] of [
          [next, 'the next release took over'],
          [DIST, 'the next release was given up'],
        ] as const) {
          for (const name of Object.keys(PROGRAMS)) {
            await whileComputing(`before ${name} is replaced`);
            await processOf(name).stop();
            launchServer(name, build);
            // As in a rolling change: the next one is replaced when this one answers.
            if (name in apiPorts) await eventually(`${name} answers`, LIMIT_MS, () => isReady(name)).catch(withLogs);
          }
          await expectAllAnsweredAndPaid(change);
        }
      },
    );

    test('every process serves the series that are documented, and is ready', { timeout: 400_000 }, async () => {
      for (const [name, port] of Object.entries(metricsPorts)) {
        await eventually(
          `${name} is ready`,
          LIMIT_MS,
          async () => (await fetch(`http://127.0.0.1:${port}/ready`)).ok || undefined,
        );
        expect((await fetch(`http://127.0.0.1:${port}/live`)).status).toBe(200);
      }
      // Two control processes share the work: what either has done shows with the next batch, at the latest.
      await whileComputing('before the series are read');
      await expectAllAnsweredAndPaid('the processes were ready');
      const texts = { control: await scraped('control'), api: await scraped('api'), gateway: await scraped('gateway') };
      for (const [name, { kind, by }] of Object.entries(METRICS) as [MetricName, MetricSpec][]) {
        const hasValue = new RegExp(`^${name}${kind === 'histogram' ? '_count' : ''}(\\{.*\\})? \\S+`, 'm');
        for (const process of ['control', 'api', 'gateway'] as const) {
          if (NOT_SEEN_HERE.includes(name) || !by.includes(process))
            expect(texts[process]).not.toMatch(new RegExp(`^${name}(?!\\w).* NaN`, 'm'));
          else expect(texts[process], `${name} of ${process}`).toMatch(hasValue);
        }
      }
      for (const name of [
        'temporal_worker_task_slots_available',
        'temporal_workflow_task_schedule_to_start_latency_seconds_bucket',
        'temporal_activity_schedule_to_start_latency_seconds_bucket',
      ])
        expect(texts.control).toMatch(new RegExp(`^${name}\\{`, 'm'));
      expect(texts.control).toMatch(/^nightshift_dependency_up\{dependency="temporal"\} 1$/m);
    });

    test('doctor finds nothing wrong with it', async () => {
      expect(await cli('doctor')).toContain('PostgreSQL');
    });
  },
);

const NODE = {
  ...SITE_NODE,
  feeder: 'garage',
  owner: 'garage-owner',
  modelFamilies: ['general', 'ocr'],
  policy: { ...SITE_NODE.policy, consent: { termsVersion: '2026-11', givenAtMs: 1_795_000_000_000 } },
} as const;

const CELL = {
  id: 'separate',
  regions: [
    {
      id: 'de-berlin',
      timeZone: 'Europe/Berlin',
      feeds: [{ kind: 'file', path: 'signals.json' }],
      feeders: [{ id: 'garage', failSafeImportKw: 12 }],
    },
  ],
  classSpeeds: [{ model: OCR_MODEL, hardwareClass: 'ai5', secondsPerUnit: 2 }],
  vehicles: [],
};

/** One price, one limit, one temperature for two days. */
function signalsFrom(nowMs: number): object[] {
  const start = new Date(Math.floor(nowMs / HOUR_MS) * HOUR_MS).toISOString();
  const span = { source: 'operator', start, end: new Date(nowMs + 2 * DAY_MS).toISOString() };
  return [
    { ...span, series: 'price', value: 0.2, unit: 'EUR/kWh' },
    { ...span, series: 'carbon', kind: 'average', value: 300, unit: 'g/kWh' },
    { ...span, series: 'temperature', value: 8, unit: 'Cel' },
    { ...span, series: 'import_limit', feederId: 'garage', value: 20, unit: 'kW' },
    { ...span, series: 'house_load', feederId: 'garage', value: 2, unit: 'kW' },
  ];
}
