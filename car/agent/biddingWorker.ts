import { setTimeout as delay } from 'node:timers/promises';
import { followActivities } from '../followActivities.ts';
import { NativeConnection, Worker, type NativeConnectionOptions, type WorkerOptions } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { PowerGate } from '../shard/powerGate.ts';
import { PowerSlotSupplier } from './powerSlotSupplier.ts';

const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 15_000;
/** Longer than a leaving shard needs for its last parts, shorter than a driver's patience. */
const SHUTDOWN_GRACE_MS = 20_000;
const SHUTDOWN_FORCE_MS = 40_000;
/** An agent runs activities from its queue only; the other kinds of slots are never asked for. */
const UNUSED_SLOTS = { type: 'fixed-size', numSlots: 1 } as const;

/**
 * How long an idle car bids at one queue before it turns to the next. Polls at several queues side by side could each be
 * given a shard, and a car computes one at a time.
 */
const TURN_MS = 10_000;

export interface BiddingWorkerOptions {
  readonly gate: PowerGate;
  readonly connection: NativeConnectionOptions;
  readonly namespace: string;
  /** Asked at each turn. It bids at one of them at a time, and turns to the next when nothing comes. */
  readonly taskQueues: () => readonly string[];
  readonly identity: string;
  readonly activities: NonNullable<WorkerOptions['activities']>;
  readonly log: Logger;
  /** After the last poll has ended; awaited before the next Worker starts. */
  readonly onWithdrawn: () => Promise<void>;
  /** By default `TURN_MS`. */
  readonly turnMs?: number;
}

/**
 * An activity Worker that exists while the gate is open. The slot supplier keeps a closed gate from polling, but a
 * poll that is open already would stay for up to a minute and take a shard that must go to another car; only the end
 * of the Worker withdraws it:
 *
 *     gate    ___|‾‾‾‾‾‾‾‾‾‾‾‾‾‾|_______________|‾‾‾‾‾
 *     polls      ==  shard  ==  withdrawn          ==
 *     shard        |‾‾‾‾‾‾‾|      a shard under way leaves by itself, then the Worker ends
 */
export class BiddingWorker {
  readonly #options: BiddingWorkerOptions;
  readonly #stopping = new AbortController();
  #unsubscribe = (): void => {};
  #connection: NativeConnection | undefined;
  #worker: { readonly worker: Worker; readonly slots: PowerSlotSupplier } | undefined;
  #life: Promise<void> | undefined;

  constructor(options: BiddingWorkerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#unsubscribe = this.#options.gate.subscribe(() => this.#withdrawIfIdle());
    this.#life = this.#live();
  }

  /** Ends bidding and waits for a shard under way, which has to leave by the gate or is cancelled after the grace. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#shutDown();
    await this.#life;
    this.#unsubscribe();
    await this.#connection?.close();
  }

  /** Ends bidding; a shard under way is computed to its end. */
  async finish(): Promise<void> {
    this.#stopping.abort();
    this.#withdrawIfIdle();
    await this.#life;
  }

  async #live(): Promise<void> {
    const { gate, log, onWithdrawn } = this.#options;
    let backoffMs = FIRST_BACKOFF_MS;
    let turn = 0;
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#gateOpens();
        if (!gate.isOpen) continue;
        const taskQueues = this.#options.taskQueues();
        await this.#bid(taskQueues[turn++ % taskQueues.length] ?? '');
        // Between two turns it may go on computing at once.
        if (!gate.isOpen || this.#stopping.signal.aborted) await onWithdrawn();
        backoffMs = FIRST_BACKOFF_MS;
      } catch (error) {
        log.warn({ err: error, backoffMs }, 'bidding for shards failed');
        await delay(backoffMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
        backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS);
      }
    }
  }

  /** One Worker's life, from the open gate to the closed one, or to the end of its turn. */
  async #bid(taskQueue: string): Promise<void> {
    const { gate, connection, namespace, taskQueues, identity, activities, turnMs = TURN_MS } = this.#options;
    this.#connection ??= await NativeConnection.connect(connection);
    const slots = new PowerSlotSupplier(gate, () => this.#withdrawIfIdle());
    const worker = await Worker.create({
      connection: this.#connection,
      namespace,
      taskQueue,
      identity,
      activities,
      interceptors: { activity: [followActivities(this.#options.log, 'info')] },
      tuner: {
        activityTaskSlotSupplier: slots,
        workflowTaskSlotSupplier: UNUSED_SLOTS,
        localActivityTaskSlotSupplier: UNUSED_SLOTS,
        nexusTaskSlotSupplier: UNUSED_SLOTS,
      },
      activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 1 },
      shutdownGraceTime: SHUTDOWN_GRACE_MS,
      shutdownForceTime: SHUTDOWN_FORCE_MS,
    });
    this.#worker = { worker, slots };
    let turns: NodeJS.Timeout | undefined;
    const stuck = new Promise<never>((_, giveUp) => {
      turns = setInterval(() => {
        // A Worker whose polls were refused for long has failed, and may wait for its own end for ever.
        if (worker.getState() === 'FAILED') giveUp(new Error(`the Worker at ${taskQueue} has failed`));
        // Of a queue that it may bid at no more, e.g. of a roll-out that is over, it would hear nothing again.
        const queues = taskQueues();
        if ((queues.length > 1 || !queues.includes(taskQueue)) && !slots.computing) this.#shutDown();
      }, turnMs);
    });
    try {
      const running = worker.run();
      // The gate may have closed, or the agent stopped, while the Worker was made.
      this.#withdrawIfIdle();
      await Promise.race([running, stuck]);
    } catch (error) {
      // What a failed Worker still holds of it is not shared with the next one.
      const connection = this.#connection;
      this.#connection = undefined;
      connection?.close().catch(() => {});
      throw error;
    } finally {
      clearInterval(turns);
      this.#worker = undefined;
      slots.close();
    }
  }

  readonly #withdrawIfIdle = (): void => {
    if (this.#options.gate.isOpen && !this.#stopping.signal.aborted) return;
    if (this.#worker?.slots.computing !== true) this.#shutDown();
  };

  #shutDown(): void {
    if (this.#worker?.worker.getState() === 'RUNNING') this.#worker.worker.shutdown();
  }

  /** Resolves when the gate is open or the agent stops. */
  async #gateOpens(): Promise<void> {
    const { gate } = this.#options;
    const { signal } = this.#stopping;
    if (gate.isOpen || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const settle = (): void => {
        if (!gate.isOpen && !signal.aborted) return;
        unsubscribe();
        signal.removeEventListener('abort', settle);
        resolve();
      };
      const unsubscribe = gate.subscribe(settle);
      signal.addEventListener('abort', settle);
    });
  }
}
