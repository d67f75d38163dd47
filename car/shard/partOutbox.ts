import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import { objectKeys, type LineRange } from '../../domain/names.ts';
import { NightshiftError } from '../../domain/errors.ts';
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
  readonly refused: (error: unknown) => void;
}

/**
 * Stores a car's parts one after the other, in the background of its computing, for as long as the network takes to
 * come back; also after the attempt that computed them has ended, since another car may still be before that part.
 */
export class PartOutbox {
  readonly #vehicleId: string;
  readonly #log: Logger;
  readonly #saveRegister: () => Promise<void>;
  readonly #closing = new AbortController();
  readonly #queue: QueuedPart[] = [];
  #delivering = false;

  /** @param saveRegister stores the register of a car that meters itself */
  constructor(vehicleId: string, log: Logger, saveRegister: () => Promise<void> = async () => {}) {
    this.#vehicleId = vehicleId;
    this.#log = log;
    this.#saveRegister = saveRegister;
  }

  /**
   * Resolves when the part and its receipt are stored, however long that takes; after close() it may never.
   * @throws NightshiftError what the store refuses it with for good, or `unavailable` when it was given up for newer parts
   */
  async deliver(part: ComputedPart): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#queue.push({ part, stored: resolve, refused: reject });
      if (this.#queue.length > LONGEST_QUEUE) {
        this.#queue.shift()?.refused(new NightshiftError('unavailable', 'The store was out of reach for too long.'));
      }
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
      const { part, stored, refused } = next;
      try {
        await untilOnline(() => this.#store(part), this.#closing.signal, this.#log);
        stored();
      } catch (error) {
        if (this.#closing.signal.aborted) continue;
        this.#log.error({ err: error, range: part.range }, 'the store refuses a part');
        refused(error);
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
    await this.#saveRegister();
    await objects.put(objectKeys.receipt(jobId, shard, range, this.#vehicleId), JSON.stringify(receipt));
  }
}
