import { HOUR_MS } from '../../../domain/durations.ts';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { isFinalBatchStatus } from '../../../domain/batches.ts';
import { gridTimeMs } from '../../../domain/clock.ts';
import { renderBatch } from '../../../demo/glosses/batchFile.ts';
import { readCell, type Cell } from '../../../store/cells.ts';
import { openDatabase, type Database } from '../../../store/database.ts';
import { createFileStore } from '../../../store/objects/fileStore.ts';
import type { ObjectStore } from '../../../store/objectStore.ts';
import { ApiClient } from '../../../api/client/apiClient.ts';
import { BatchClient } from '../../../api/client/batchClient.ts';
import type { BatchWire } from '../../../api/wire/batch.ts';
import { saveNight, type NightState } from '../../../demo/nightState.ts';
import { OCR_MODEL } from '../../../demo/work/ocrWork.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/freePorts.ts';
import { descendantsOf, isAlive, type RunningProcess, runnersOf } from './processes.ts';
import { CALM_NIGHT, calmNight } from './calmNight.ts';

const MAIN = fileURLToPath(new URL('../../../dist/demo/main.js', import.meta.url));
const CLI = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const START_LIMIT_MS = 60_000;
const KEPT_OUTPUT = 2_000;
const BATCH_LIMIT_MS = 90_000;

/** Servers that a test runs for the stack. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string>>;
  readonly databaseUrl: string;
  readonly objects: ObjectStore;
  /** That of the stack beside which this one runs: the same clock then. */
  readonly night?: NightState;
}

/** The product as `npm start` runs it, in a state folder of its own, on a night of the test's making. */
export class Stack {
  readonly stateDir: string;
  readonly objects: ObjectStore;
  readonly #env: NodeJS.ProcessEnv;
  readonly #inputs = new Map<number, Promise<string>>();
  #main: ChildProcess | undefined;
  #database: Database | undefined;
  #temporal: Connection | undefined;

  private constructor(stateDir: string, env: NodeJS.ProcessEnv, objects: ObjectStore) {
    this.stateDir = stateDir;
    this.objects = objects;
    this.#env = env;
  }

  /** @param surroundings servers to use instead of the embedded ones; its variables go over the stack's own */
  static async start(night = calmNight(), surroundings?: Surroundings): Promise<Stack> {
    const stateDir = await mkdtemp(join(tmpdir(), 'nightshift-e2e-'));
    const nightFile = join(stateDir, 'calm-night.yaml');
    // JSON is YAML.
    await writeFile(nightFile, JSON.stringify(night));
    if (surroundings?.night) await saveNight(stateDir, surroundings.night);
    const [temporal, ui, postgres, mqtt, api, gateway] = await freePorts(6);
    const env = {
      ...process.env,
      NIGHTSHIFT_STATE_DIR: stateDir,
      NIGHTSHIFT_NIGHT_FILE: nightFile,
      NIGHTSHIFT_TEMPORAL_PORT: String(temporal),
      NIGHTSHIFT_TEMPORAL_UI_PORT: String(ui),
      NIGHTSHIFT_POSTGRES_PORT: String(postgres),
      NIGHTSHIFT_MQTT_PORT: String(mqtt),
      NIGHTSHIFT_API_PORT: String(api),
      NIGHTSHIFT_GATEWAY_PORT: String(gateway),
      TEMPORAL_ADDRESS: '',
      DATABASE_URL: '',
      // A minute of a core in every stack, for a model that no test asks.
      NIGHTSHIFT_MODELS_EMBEDDING: 'none',
      ...surroundings?.env,
    };
    const stack = new Stack(stateDir, env, surroundings?.objects ?? createFileStore(join(stateDir, 'objects')));
    try {
      await stack.launch();
      const url = surroundings?.databaseUrl ?? (await embeddedUrl(stateDir, env.NIGHTSHIFT_POSTGRES_PORT));
      stack.#database = openDatabase({ url, maxConnections: 2 });
      return stack;
    } catch (error) {
      await stack.remove();
      throw error;
    }
  }

  /** Starts the supervisor, also again after it has ended, and waits until the API answers. */
  async launch(): Promise<void> {
    const main = spawn(process.execPath, [MAIN], { env: this.#env, stdio: ['ignore', 'pipe', 'inherit'] });
    this.#main = main;
    let said = '';
    main.stdout.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-KEPT_OUTPUT)));
    try {
      const ended = once(main, 'exit').then(() => Promise.reject(new Error('the stack ended')));
      const answers = eventually('the API answers', START_LIMIT_MS, async () => (await this.isHealthy()) || undefined);
      await Promise.race([answers, ended]);
    } catch (cause) {
      throw new Error(`the stack does not start; it said:\n${said}`, { cause });
    }
  }

  async isHealthy(): Promise<boolean> {
    const answer = await fetch(`${this.apiUrl}/health`).catch(() => undefined);
    return answer?.ok === true;
  }

  get database(): Database {
    if (!this.#database) throw new Error('the stack has not started');
    return this.#database;
  }

  get apiUrl(): string {
    return `http://127.0.0.1:${this.#env.NIGHTSHIFT_API_PORT}`;
  }

  /** What a second cell needs to share this one's servers, store and clock; it has a broker and doors of its own. */
  async surroundings(): Promise<Surroundings> {
    const secret = (name: string): Promise<string> => readFile(join(this.stateDir, name), 'utf8');
    const databaseUrl = await embeddedUrl(this.stateDir, String(this.#env.NIGHTSHIFT_POSTGRES_PORT));
    const cell = await this.cell();
    return {
      env: {
        TEMPORAL_ADDRESS: `127.0.0.1:${this.#env.NIGHTSHIFT_TEMPORAL_PORT}`,
        DATABASE_URL: databaseUrl,
        NIGHTSHIFT_OBJECTS_URL: join(this.stateDir, 'objects'),
        NIGHTSHIFT_SECRETS_KEY: await secret('secrets-key'),
        NIGHTSHIFT_API_KEY: await secret('api-key'),
      },
      databaseUrl,
      objects: this.objects,
      night: {
        incarnation: cell.incarnation,
        startedRealMs: Date.now(),
        scale: cell.clock.scale,
        // One night has one batch of its own.
        batchId: await eventually('the night has its batch', START_LIMIT_MS, async () => {
          const [batch] = await this.database.query<{ id: string }>('select id from batches limit 1');
          return batch?.id;
        }),
        finished: false,
      },
    };
  }

  /** kill -9 of the supervisor and all of its processes at once, as when a machine loses its power. */
  async losePower(): Promise<void> {
    const all = this.descendants();
    const ended = this.end('SIGKILL');
    for (const { pid } of all) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    await ended;
  }

  /** The broker, as the product's own processes open it. */
  async mqttUrl(): Promise<string> {
    const password = await readFile(join(this.stateDir, 'mqtt-password'), 'utf8');
    return `mqtt://nightshift:${password}@127.0.0.1:${this.#env.NIGHTSHIFT_MQTT_PORT}`;
  }

  async cell(): Promise<Cell> {
    const cell = await readCell(this.database, CALM_NIGHT);
    if (!cell) throw new Error('the cell is not applied');
    return cell;
  }

  /** A client of the stack's Temporal server. It lives as long as the stack. */
  async temporal(): Promise<Client> {
    this.#temporal ??= await Connection.connect({ address: `127.0.0.1:${this.#env.NIGHTSHIFT_TEMPORAL_PORT}` });
    return new Client({ connection: this.#temporal });
  }

  async pidOf(name: string): Promise<number> {
    const file = await readFile(join(this.stateDir, 'run', `${name}.pid`), 'utf8');
    return (JSON.parse(file) as { pid: number }).pid;
  }

  /** kill -9; resolves once the supervisor has started another one. */
  async killProcess(name: string): Promise<void> {
    const before = await this.pidOf(name);
    process.kill(before, 'SIGKILL');
    await eventually(`${name} is started again`, START_LIMIT_MS, async () => {
      const now = await this.pidOf(name);
      return now === before ? undefined : now;
    });
  }

  /** Process ids of the inference runners of all cars. */
  async runnerPids(): Promise<number[]> {
    return runnersOf(await this.pidOf('fleet'));
  }

  /** Every process that the supervisor started, directly or not. */
  descendants(): RunningProcess[] {
    return descendantsOf(this.#main?.pid ?? 0);
  }

  /** True when the server has given up an attempt at a shard of the batch whose car was silent, and waits for the next. */
  async hasSilentAttempt(batchId: string): Promise<boolean> {
    const client = await this.temporal();
    const query = `JobId = "${batchId}" and WorkflowType = "shardWave" and ExecutionStatus = "Running"`;
    for await (const { workflowId } of client.workflow.list({ query })) {
      const { raw } = await client.workflow.getHandle(workflowId).describe();
      if (raw.pendingActivities?.some(({ lastFailure }) => lastFailure?.timeoutFailureInfo)) return true;
    }
    return false;
  }

  /** Signals the supervisor and waits for its end. @returns how long that took */
  async end(signal: NodeJS.Signals): Promise<number> {
    const main = this.#main;
    if (!main || main.exitCode !== null || main.signalCode !== null) return 0;
    const startedAt = performance.now();
    main.kill(signal);
    await once(main, 'exit');
    return performance.now() - startedAt;
  }

  /** Runs a command of ours with the stack's configuration. @returns what it printed @throws Error when it fails */
  async command(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(process.execPath, [CLI, ...args], { env: this.#env });
    return stdout;
  }

  /** kill -9 of everything at once, then its disks are gone but for the keys and the simulated cars themselves. */
  async loseEverything(): Promise<void> {
    const processes = this.descendants();
    this.#main?.kill('SIGKILL');
    for (const { pid } of processes) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    await this.end('SIGKILL');
    for (const name of await readdir(this.stateDir))
      if (/^(postgres(\.json)?|temporal\.db.*|objects)$/.test(name))
        await rm(join(this.stateDir, name), { recursive: true, force: true });
  }

  async remove(): Promise<void> {
    await this.#database?.close().catch(() => undefined);
    await this.#temporal?.close();
    await this.end('SIGINT');
    await rm(this.stateDir, { recursive: true, force: true });
  }

  async api(): Promise<ApiClient> {
    const key = await readFile(join(this.stateDir, 'api-key'), 'utf8');
    return new ApiClient(this.apiUrl, key);
  }

  async batches(): Promise<BatchClient> {
    return new BatchClient(await this.api());
  }

  /** Submits `requests` rendered lines, the same ones for the same number, due in twenty grid hours, to cars of the region. */
  async submit(requests: number, region?: string, hints: Readonly<Record<string, string>> = {}): Promise<string> {
    const file = await this.inputFile(requests);
    const batches = await this.batches();
    const { clock } = await this.cell();
    const deadlineMs = gridTimeMs(clock, Date.now()) + 20 * HOUR_MS;
    const batch = await batches.submit({
      input_file_id: await batches.upload(file),
      endpoint: `/v2/models/${OCR_MODEL}/infer`,
      completion_window: '24h',
      metadata: {
        'grid.deadline': new Date(deadlineMs).toISOString(),
        ...(region && { 'grid.region': region }),
        ...hints,
      },
    });
    return batch.id;
  }

  async #journal(): Promise<string> {
    const lines = await this.database.query<{ line: string }>(
      `select to_char(at, 'HH24:MI:SS ') || kind || ' ' || message as line from journal order by seq`,
    );
    return lines.map(({ line }) => line).join('\n');
  }

  /** Rendered once: batches of one size have the same input. */
  inputFile(requests: number): Promise<string> {
    const rendered = this.#inputs.get(requests) ?? this.#render(requests);
    this.#inputs.set(requests, rendered);
    return rendered;
  }

  async #render(requests: number): Promise<string> {
    const file = join(this.stateDir, `e2e-${requests}.jsonl`);
    await renderBatch({ count: requests, seed: 1, model: OCR_MODEL, file });
    return file;
  }

  /** Waits until some, but not all, of the batch's requests are answered. */
  async inMidWork(batchId: string): Promise<void> {
    await eventually('some requests are answered', BATCH_LIMIT_MS, async () =>
      (await this.answered(batchId)) > 3 ? true : undefined,
    );
  }

  async answered(batchId: string): Promise<number> {
    const [row] = await this.database.query<{ lines: number }>(
      'select coalesce(sum(completed + failed), 0) as lines from accepted_shards where job_id = $1',
      [batchId],
    );
    return row?.lines ?? 0;
  }

  /** The batch as the API shows it once it has ended; undefined until then. */
  async ended(batchId: string): Promise<BatchWire | undefined> {
    const batch = await (await this.batches()).read(batchId);
    return isFinalBatchStatus(batch.status) ? batch : undefined;
  }

  /** Waits for the batch's end. @returns its answers in the order of the input @throws Error when one is an error */
  async finished(batchId: string, limitMs = BATCH_LIMIT_MS): Promise<string> {
    const batches = await this.batches();
    const batch = await eventually('the batch ends', limitMs, () => this.ended(batchId)).catch(
      async (cause: unknown) => {
        throw new Error(`the batch does not end; the journal says:\n${await this.#journal()}`, { cause });
      },
    );
    if (batch.status !== 'completed' || batch.error_file_id) {
      const errors = batch.error_file_id ? await (await batches.content(batch.error_file_id)).text() : 'none';
      throw new Error(
        `the batch ended as ${JSON.stringify(batch)}; errors:\n${errors}\nthe journal says:\n${await this.#journal()}`,
      );
    }
    return (await batches.content(batch.output_file_id ?? '')).text();
  }
}

async function embeddedUrl(stateDir: string, port: string): Promise<string> {
  const password = await readFile(join(stateDir, 'postgres-password'), 'utf8');
  return `postgres://nightshift:${password}@127.0.0.1:${port}/nightshift`;
}
