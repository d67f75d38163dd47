import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { FINAL_BATCH_STATUSES } from '../../../domain/batches.ts';
import { gridTimeMs } from '../../../domain/clock.ts';
import { renderBatch } from '../../../simulator/glosses/batchFile.ts';
import { readCell } from '../../../store/cells.ts';
import { openDatabase, type Database } from '../../../store/database.ts';
import { BatchClient } from '../../../worker/night/batchClient.ts';
import { NIGHT_MODEL } from '../../../worker/night/prepareNight.ts';
import { eventually } from '../../support/eventually.ts';
import { calmNight } from './calmNight.ts';

const MAIN = fileURLToPath(new URL('../../../dist/worker/local/main.js', import.meta.url));
const HOUR_MS = 3_600_000;
const START_LIMIT_MS = 60_000;
const BATCH_LIMIT_MS = 90_000;

/** The product as `npm start` runs it, in a state folder of its own, on a night of the test's making. */
export class Stack {
  readonly stateDir: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #apiPort: number;
  #main: ChildProcess | undefined;
  #database: Database | undefined;

  private constructor(stateDir: string, env: NodeJS.ProcessEnv, apiPort: number) {
    this.stateDir = stateDir;
    this.#env = env;
    this.#apiPort = apiPort;
  }

  static async start(night = calmNight()): Promise<Stack> {
    const stateDir = await mkdtemp(join(tmpdir(), 'nightshift-e2e-'));
    const nightFile = join(stateDir, 'calm-night.yaml');
    // JSON is YAML.
    await writeFile(nightFile, JSON.stringify(night));
    const [temporal, ui, postgres, mqtt, api] = await freePorts(5);
    const env = {
      ...process.env,
      NIGHTSHIFT_STATE_DIR: stateDir,
      NIGHTSHIFT_NIGHT_FILE: nightFile,
      NIGHTSHIFT_TEMPORAL_PORT: String(temporal),
      NIGHTSHIFT_TEMPORAL_UI_PORT: String(ui),
      NIGHTSHIFT_POSTGRES_PORT: String(postgres),
      NIGHTSHIFT_MQTT_PORT: String(mqtt),
      NIGHTSHIFT_API_PORT: String(api),
      TEMPORAL_ADDRESS: '',
      DATABASE_URL: '',
    };
    const stack = new Stack(stateDir, env, api ?? 0);
    await stack.launch();
    const password = await readFile(join(stateDir, 'postgres-password'), 'utf8');
    stack.#database = openDatabase({
      url: `postgres://nightshift:${password}@127.0.0.1:${postgres}/nightshift`,
      maxConnections: 2,
    });
    return stack;
  }

  /** Starts the supervisor, also again after it has ended, and waits until the API answers. */
  async launch(): Promise<void> {
    this.#main = spawn(process.execPath, [MAIN], { env: this.#env, stdio: ['ignore', 'pipe', 'inherit'] });
    this.#main.stdout?.resume();
    await eventually('the API answers', START_LIMIT_MS, async () => ((await this.isHealthy()) ? true : undefined));
  }

  async isHealthy(): Promise<boolean> {
    const answer = await fetch(`http://127.0.0.1:${this.#apiPort}/health`).catch(() => undefined);
    return answer?.ok === true;
  }

  get database(): Database {
    if (!this.#database) throw new Error('the stack has not started');
    return this.#database;
  }

  get temporalAddress(): string {
    return `127.0.0.1:${this.#env.NIGHTSHIFT_TEMPORAL_PORT}`;
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
    try {
      const found = execFileSync('pgrep', ['-P', String(await this.pidOf('fleet')), '-f', 'runnerProcess']);
      return found.toString().trim().split('\n').map(Number);
    } catch {
      return [];
    }
  }

  /** The number of an attempt at a shard of the batch that is not its first, if there is one. */
  async secondAttempt(batchId: string): Promise<number | undefined> {
    const connection = await Connection.connect({ address: this.temporalAddress });
    try {
      const client = new Client({ connection });
      const query = `JobId = "${batchId}" and WorkflowType = "shardWave" and ExecutionStatus = "Running"`;
      for await (const { workflowId } of client.workflow.list({ query })) {
        const { raw } = await client.workflow.getHandle(workflowId).describe();
        const again = raw.pendingActivities?.find(({ attempt }) => (attempt ?? 1) > 1);
        if (again) return again.attempt ?? undefined;
      }
      return undefined;
    } finally {
      await connection.close();
    }
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

  async remove(): Promise<void> {
    await this.#database?.close().catch(() => undefined);
    await this.end('SIGINT');
    await rm(this.stateDir, { recursive: true, force: true });
  }

  async client(): Promise<BatchClient> {
    const key = await readFile(join(this.stateDir, 'api-key'), 'utf8');
    return new BatchClient(`http://127.0.0.1:${this.#apiPort}/v1`, key);
  }

  /** Submits `requests` rendered lines, the same ones for the same seed, due in three grid hours. */
  async submit(requests: number, seed = 1): Promise<string> {
    const file = join(this.stateDir, `e2e-${requests}-${seed}.jsonl`);
    await renderBatch({ count: requests, seed, model: NIGHT_MODEL, file });
    const client = await this.client();
    const cell = await readCell(this.database, 'calm-night');
    if (!cell) throw new Error('the cell is not applied');
    const deadlineMs = gridTimeMs(cell.clock, Date.now()) + 3 * HOUR_MS;
    const batch = await client.submit({
      input_file_id: await client.upload(file),
      endpoint: `/v2/models/${NIGHT_MODEL}/infer`,
      completion_window: '24h',
      metadata: { 'grid.deadline': new Date(deadlineMs).toISOString() },
    });
    return batch.id;
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

  /** Waits for the batch's end. @returns its answers, by custom_id in the order of the input */
  async finished(batchId: string): Promise<string> {
    const client = await this.client();
    const batch = await eventually('the batch ends', BATCH_LIMIT_MS, async () => {
      const read = await client.read(batchId);
      return (FINAL_BATCH_STATUSES as readonly string[]).includes(read.status) ? read : undefined;
    });
    if (batch.status !== 'completed' || batch.error_file_id)
      throw new Error(`the batch ended as ${JSON.stringify(batch)}`);
    return client.content(batch.output_file_id ?? '');
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port was given');
    return address.port;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
