import { pino } from 'pino';
import { UNPACED, type Pacer, type ShardLimits } from '../../../../car/shard/ports.ts';
import { REAL_TIME } from '../../../../domain/clock.ts';
import type { FetchedModel, ModelOrder } from '../../../../domain/modelOrders.ts';
import type { AnsweredProfile, SetpointProfile } from '../../../../domain/setpoints.ts';
import { VehicleAgent } from '../../../../car/agent/vehicleAgent.ts';
import type { MemoryObjects } from '../../shard/support/memoryObjects.ts';
import { temporaryFolder } from '../../shard/support/testCar.ts';

export interface TestAgent {
  readonly agent: VehicleAgent;
  /** Gives the car power to compute for that long, starting now. */
  readonly allow: (durationMs: number) => void;
  /** Orders the car to shed from now until then, for that long. */
  readonly shed: (durationMs: number) => void;
  /** What the car was told that the agent draws, in order. */
  readonly drawnKw: number[];
  /** Sends the car what it is to fetch and whose queues it may poll. */
  readonly order: (order: ModelOrder) => void;
  /** What it says that it has fetched. */
  readonly fetched: FetchedModel[];
  /** Which profiles it says that it has got. */
  readonly answered: AnsweredProfile[];
}

export async function testAgent(options: {
  readonly address: string;
  /** Of the car, where it goes through a gateway. */
  readonly key?: string;
  readonly objects: MemoryObjects;
  readonly vehicleId?: string;
  readonly folder?: string;
  readonly pacer?: Pacer;
  readonly limits?: Partial<ShardLimits>;
  readonly modelFamilies?: readonly string[];
  readonly bidTurnMs?: number;
}): Promise<TestAgent> {
  let tell: ((payload: string) => void) | undefined;
  let tellShed: ((payload: string) => void) | undefined;
  let tellModels: ((payload: string) => void) | undefined;
  const drawnKw: number[] = [];
  const fetched: FetchedModel[] = [];
  const answered: AnsweredProfile[] = [];
  const folder = options.folder ?? (await temporaryFolder());
  const agent = new VehicleAgent({
    vehicle: {
      vehicleId: options.vehicleId ?? 'car-a',
      regionId: 'north',
      hardwareClass: 'ai4',
      computeKw: () => 0.5,
      computeDraw: (kw) => drawnKw.push(kw),
    },
    temporal: {
      options: {
        address: options.address,
        ...(options.key === undefined ? {} : { metadata: { authorization: `Bearer ${options.key}` } }),
      },
      namespace: 'default',
    },
    modelFamilies: options.modelFamilies ?? ['ocr'],
    ...(options.bidTurnMs !== undefined && { bidTurnMs: options.bidTurnMs }),
    openSlice: () => options.objects,
    setpoints: {
      listen: async (_, listener) => {
        tell = listener;
        return () => {
          tell = undefined;
        };
      },
    },
    sheds: {
      listen: async (_, listener) => {
        tellShed = listener;
        return () => {
          tellShed = undefined;
        };
      },
    },
    modelOrders: {
      listen: async (_, listener) => {
        tellModels = listener;
        return () => {
          tellModels = undefined;
        };
      },
    },
    tellFetched: async (model) => void fetched.push(model),
    answerProfile: async (profile) => void answered.push(profile),
    clock: REAL_TIME,
    pacer: options.pacer ?? UNPACED,
    log: pino({ level: 'silent' }),
    folder,
    modelFolder: `${folder}/models`,
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  });
  return {
    agent,
    drawnKw,
    fetched,
    answered,
    order: (order) => tellModels?.(JSON.stringify(order)),
    shed: (durationMs) => {
      const startMs = Date.now();
      const endMs = startMs + durationMs;
      tellShed?.(JSON.stringify({ issuedAtMs: startMs, startMs, endMs, resumeAtMs: endMs }));
    },
    allow: (durationMs) => {
      const startMs = Date.now();
      const profile: SetpointProfile = {
        planId: 'plan',
        issuedAtMs: startMs,
        intervals: [{ startMs, endMs: startMs + durationMs, chargeKw: 0, computeKw: 1 }],
      };
      tell?.(JSON.stringify(profile));
    },
  };
}
