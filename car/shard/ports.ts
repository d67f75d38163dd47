import type { Logger } from 'pino';
import type { Clock } from '../../domain/clock.ts';
import type { SliceAccess } from '../../domain/shards.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import type { EnergyMeter } from './energyMeter.ts';
import type { ModelCache } from '../../inference/modelCache.ts';
import type { OwnData } from './ownData.ts';
import type { PowerGate } from './powerGate.ts';
import type { ResultCache } from './resultCache.ts';
import type { Runner } from '../../inference/runner/runner.ts';

/** Holds a device to the speed of its class. The device of a real car is as fast as it is. */
export interface Pacer {
  /** Resolves when a device of the class would have computed these lines too, or when the signal aborts. */
  wait(lines: number, signal: AbortSignal): Promise<void>;
}

export const UNPACED: Pacer = { wait: async () => {} };

/** What a car does with the object store. */
export type PartStore = Pick<ObjectStore, 'put' | 'get' | 'getStream' | 'list'>;

/**
 * The store as one shard's attempt sees it, by the access that came with the shard.
 * @throws NightshiftError `unavailable` when it came without
 */
export type OpenSlice = (access: SliceAccess | undefined) => PartStore;

/** What the activities of one car work with. */
export interface InferencePorts {
  readonly vehicleId: string;
  readonly openSlice: OpenSlice;
  readonly runner: Runner;
  readonly models: ModelCache;
  readonly results: ResultCache;
  readonly gate: PowerGate;
  readonly meter: EnergyMeter;
  readonly clock: Clock;
  /** Before a receipt is stored: what it claims must still be in the register after a kill. */
  readonly saveRegister?: () => Promise<void>;
  /** What it may train on of its own. */
  readonly ownData: OwnData;
  readonly pacer: Pacer;
  readonly log: Logger;
  readonly limits?: Partial<ShardLimits>;
}

export interface ShardLimits {
  /** Real time that a micro-batch may take: how long a leaving car still computes. */
  readonly microBatchMs: number;
  /** Grid time that a paused car waits for the end of a grid emergency before it gives its shard back. */
  readonly emergencyPatienceMs: number;
  /** Real time after which the tokens of unfinished answers are stored again, for the case that the car vanishes. */
  readonly unfinishedMs: number;
  /** Real time that a leaving car spends on storing what it has computed. */
  readonly flushLimitMs: number;
  /** Real time between heartbeats; the SDK sends fewer. */
  readonly heartbeatMs: number;
}

export const SHARD_LIMITS = {
  microBatchMs: 200,
  emergencyPatienceMs: 120_000,
  unfinishedMs: 20_000,
  flushLimitMs: 10_000,
  heartbeatMs: 1_000,
} as const satisfies ShardLimits;
