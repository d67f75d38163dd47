import type { Logger } from 'pino';
import type { ModelCache } from '../../inference/modelCache.ts';
import { gridTimeMs, type Clock } from '../../domain/clock.ts';
import { SECOND_MS } from '../../domain/durations.ts';
import { modelKey, modelOrderSchema, type FetchedModel, type ModelOrder } from '../../domain/modelOrders.ts';
import type { LeaveReason } from '../../domain/shards.ts';
import type { OpenSlice, PartStore } from '../shard/ports.ts';
import type { PowerGate } from '../shard/powerGate.ts';
import { OrderWatch } from './orderWatch.ts';

type Source = Pick<PartStore, 'get' | 'getStream'>;

const RETRY_REAL_MS = 30 * SECOND_MS;

/** What keeps a car from fetching: it is not at its plug, or not to draw more than it must. */
const HOLDS: readonly LeaveReason[] = [
  'unplugged',
  'gear_out_of_park',
  'owner_opted_out',
  'grid_emergency',
  'shutdown',
];

export interface ModelFetcherPorts {
  readonly gate: PowerGate;
  readonly models: ModelCache;
  readonly openSlice: OpenSlice;
  readonly clock: Clock;
  readonly log: Logger;
  /** Says what was fetched; fails while the broker is out of reach. */
  readonly tell: (fetched: FetchedModel) => Promise<void>;
}

/**
 * Fetches the models that the car's retained order names, one after the other, each within its hours, while the car is
 * at its plug. So work for them begins without a download. Also knows which roll-outs the car takes part in.
 */
export class ModelFetcher {
  readonly #ports: ModelFetcherPorts;
  readonly #watch: OrderWatch<ModelOrder>;
  readonly #unsubscribe: () => void;
  readonly #told = new Set<string>();
  #order: ModelOrder | undefined;
  #fetching: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(ports: ModelFetcherPorts) {
    this.#ports = ports;
    this.#watch = new OrderWatch(
      {
        schema: modelOrderSchema,
        apply: (order) => {
          this.#order = order;
          this.#go();
        },
        boundsMs: ({ models }) => models.flatMap(({ fromMs, untilMs }) => [fromMs, untilMs]),
      },
      ports.clock,
      ports.log,
    );
    this.#unsubscribe = ports.gate.subscribe(() => this.#go());
  }

  receive(payload: string): void {
    this.#watch.receive(payload);
  }

  /** Families of roll-outs whose base is one of these. */
  familiesOf(bases: readonly string[]): string[] {
    return (this.#order?.families ?? []).filter(({ base }) => bases.includes(base)).map(({ family }) => family);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#unsubscribe();
    this.#watch.close();
  }

  #go(): void {
    // While the watch is made, it already calls.
    if (this.#closed || this.#fetching !== undefined || this.#next() === undefined) return;
    clearTimeout(this.#retry);
    this.#fetching = this.#fetchAll().finally(() => {
      this.#fetching = undefined;
    });
  }

  #next(): ModelOrder['models'][number] | undefined {
    const { gate, clock } = this.#ports;
    if (HOLDS.some((reason) => gate.reasons.includes(reason))) return undefined;
    const nowMs = gridTimeMs(clock, Date.now());
    return this.#order?.models.find(
      ({ model, fromMs, untilMs }) => !this.#told.has(modelKey(model)) && fromMs <= nowMs && nowMs < untilMs,
    );
  }

  async #fetchAll(): Promise<void> {
    const { models, openSlice, log, tell } = this.#ports;
    for (let order = this.#next(); order !== undefined && !this.#closed; order = this.#next()) {
      const { model, access } = order;
      try {
        const counted = countingBytes(openSlice(access));
        const startMs = performance.now();
        await models.open(model, counted.store);
        const bytes = counted.bytes();
        const seconds = bytes === 0 ? 0 : (performance.now() - startMs) / SECOND_MS;
        const { name, version, sha256 } = model;
        await tell({ name, version, sha256, bytes, seconds });
        this.#told.add(modelKey(model));
        log.info({ model: `${model.name} ${model.version}`, bytes, seconds }, 'a model was fetched before its work');
      } catch (error) {
        log.warn(
          { err: error, model: `${model.name} ${model.version}` },
          'a model could not be fetched; it is tried again',
        );
        this.#retry = setTimeout(() => this.#go(), RETRY_REAL_MS);
        this.#retry.unref();
        return;
      }
    }
  }
}

function countingBytes(store: PartStore): { readonly store: Source; readonly bytes: () => number } {
  let bytes = 0;
  return {
    bytes: () => bytes,
    store: {
      get: (key) => store.get(key),
      getStream: async (key, fromByte) => counted(await store.getStream(key, fromByte)),
    },
  };

  async function* counted(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of stream) {
      bytes += chunk.byteLength;
      yield chunk;
    }
  }
}
