import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import { objectKeys, type LineRange } from '../../domain/names.ts';
import type { PartReceipt } from '../../domain/shards.ts';
import { untilOnline } from '../../inference/offline.ts';
import type { PartStore } from './ports.ts';

/** Answers of consecutive lines of a shard, as they are stored. */
export interface ComputedPart {
  readonly jobId: string;
  readonly shard: number;
  readonly range: LineRange;
  readonly body: string;
  readonly energyWh: number;
  readonly deviceMs: number;
  /** Where the shard's parts go. */
  readonly objects: Pick<PartStore, 'put'>;
}

/** Parts kept for a store that is out of reach: an hour's worth; beyond that the oldest is given up. */
const LONGEST_QUEUE = 256;

interface QueuedPart {
  readonly part: ComputedPart;
  readonly stored: () => void;
}

/**
 * Stores a car's parts one after the other, in the background of its computing, for as long as the network takes to
 * come back; also after the attempt that computed them has ended, since another car may still be before that part.
 */
export class PartOutbox {
  readonly #vehicleId: string;
  readonly #log: Logger;
  readonly #closing = new AbortController();
  #queue: QueuedPart[] = [];
  #delivering = false;

  constructor(vehicleId: string, log: Logger) {
    this.#vehicleId = vehicleId;
    this.#log = log;
  }

  /** Resolves when the part and its receipt are stored; it may never. */
  async deliver(part: ComputedPart): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#queue = [...this.#queue, { part, stored: resolve }].slice(-LONGEST_QUEUE);
      if (!this.#delivering) void this.#deliverAll();
    });
  }

  /** Gives up what is not stored. */
  close(): void {
    this.#closing.abort();
  }

  /** Aborts at close(): nothing more will be stored. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  async #deliverAll(): Promise<void> {
    this.#delivering = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const { part, stored } = next;
      try {
        await untilOnline(() => this.#store(part), this.#closing.signal, this.#log);
        stored();
      } catch (error) {
        if (!this.#closing.signal.aborted)
          this.#log.error({ err: error, range: part.range }, 'the store refuses a part');
      }
    }
    this.#delivering = false;
  }

  /** The receipt comes last: it claims pay for bytes that are there. */
  async #store(part: ComputedPart): Promise<void> {
    const { jobId, shard, range, body, energyWh, deviceMs, objects } = part;
    await objects.put(objectKeys.part(jobId, shard, range, this.#vehicleId), body);
    const receipt: PartReceipt = {
      vehicleId: this.#vehicleId,
      range,
      energyWh,
      deviceMs,
      partSha256: createHash('sha256').update(body).digest('hex'),
    };
    await objects.put(objectKeys.receipt(jobId, shard, range, this.#vehicleId), JSON.stringify(receipt));
  }
}
