import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { NativeConnectionOptions } from '@temporalio/worker';
import type { Logger } from 'pino';
import { EnergyMeter } from '../shard/energyMeter.ts';
import { ModelCache } from '../../inference/modelCache.ts';
import type { OpenSlice, Pacer, ShardLimits } from '../shard/ports.ts';
import { PowerGate } from '../shard/powerGate.ts';
import { ResultCache } from '../shard/resultCache.ts';
import { OwnData } from '../shard/ownData.ts';
import { createInferenceActivities } from '../shard/runShard.ts';
import { Runner, type RunnerOptions } from '../../inference/runner/runner.ts';
import { gridTimeMs, type Clock } from '../../domain/clock.ts';
import type { HardwareClass } from '../../domain/hardwareClasses.ts';
import { inferenceTaskQueue } from '../../domain/names.ts';
import type { FetchedModel } from '../../domain/modelOrders.ts';
import type { AnsweredProfile, SetpointProfile } from '../../domain/setpoints.ts';
import type { ShedOrder } from '../../domain/sheds.ts';
import { BiddingWorker } from './biddingWorker.ts';
import type { OrderWatch } from './orderWatch.ts';
import { ModelFetcher } from './modelFetcher.ts';
import { watchSetpoints } from './setpointWatch.ts';
import { watchSheds } from './shedWatch.ts';
import type { SetpointLink } from './setpointLink.ts';

/** The car that an agent runs in. */
export interface AgentVehicle {
  readonly vehicleId: string;
  readonly regionId: string;
  readonly hardwareClass: HardwareClass;
  /** Power at the plug now, if the device computed: chip, cooling and awake load, kW. */
  computeKw(): number;
  /** The agent says what it draws at the plug from now on, kW; 0 when idle. The car meters it. */
  computeDraw(kw: number): void;
  /** Stores the meter's register, where the agent keeps it. */
  saveRegister?(): Promise<void>;
}

export interface VehicleAgentOptions {
  readonly vehicle: AgentVehicle;
  readonly temporal: { readonly options: NativeConnectionOptions; readonly namespace: string };
  /** Families of models whose shards it bids for. */
  readonly modelFamilies: readonly string[];
  /** How long it bids for one family before it turns to the next. */
  readonly bidTurnMs?: number;
  readonly openSlice: OpenSlice;
  readonly setpoints: SetpointLink;
  readonly sheds: SetpointLink;
  /** What it is to fetch before work for it comes. */
  readonly modelOrders: SetpointLink;
  /** Says what was fetched. */
  readonly tellFetched: (fetched: FetchedModel) => Promise<void>;
  /** Answers a setpoint profile, slot by slot: that the agent is there, and could be asked. Owners are paid for such hours. */
  readonly answerProfile: (answered: AnsweredProfile) => Promise<void>;
  readonly clock: Clock;
  readonly pacer: Pacer;
  readonly log: Logger;
  /** The car's own folder, which survives a restart: results. */
  readonly folder: string;
  /** Folder of data sets that its owner lets it train on (docs/training.md); undefined: none. */
  readonly ownDataFolder?: string | undefined;
  /** Checked model files; agents of one machine may share it. */
  readonly modelFolder: string;
  /** Disk that they may use; those used least recently make room. */
  readonly modelDiskBytes?: number;
  readonly runner?: Partial<RunnerOptions>;
  readonly limits?: Partial<ShardLimits>;
}

/**
 * What runs in a car while it is awake: it hears its setpoints and, while they leave power to compute and nothing in
 * the car speaks against it, bids for shards of its region and class and computes them.
 *
 * Whoever knows the car's state closes and clears the reasons of `gate`; `slot_over`, `grid_emergency` and
 * `shutdown` are the agent's.
 * Every way out of the car is injected, so that a simulation can cut it.
 */
export class VehicleAgent {
  readonly gate = new PowerGate();
  readonly #options: VehicleAgentOptions;
  #awake: Awake | undefined;

  constructor(options: VehicleAgentOptions) {
    this.#options = options;
    this.gate.close('shutdown');
  }

  /** Process id of the inference runner, while there is one. */
  get runnerPid(): number | undefined {
    return this.#awake?.runner.pid;
  }

  /** Begins to listen for setpoints; connects to the server when there is power to compute, and retries for ever. */
  async start(): Promise<void> {
    if (this.#awake !== undefined) return;
    const { vehicle, temporal, clock, log, setpoints, sheds, modelOrders, modelFamilies } = this.#options;
    const runner = new Runner(this.#options.runner);
    const models = new ModelCache(this.#options.modelFolder, this.#options.modelDiskBytes);
    const { activities, close } = createInferenceActivities({
      ...this.#options,
      vehicleId: vehicle.vehicleId,
      runner,
      models,
      results: new ResultCache(join(this.#options.folder, 'results')),
      ownData: new OwnData(this.#options.ownDataFolder, join(this.#options.folder, 'own-training')),
      gate: this.gate,
      meter: new EnergyMeter(
        () => vehicle.computeKw(),
        () => gridTimeMs(clock, Date.now()),
        (on) => vehicle.computeDraw(on ? vehicle.computeKw() : 0),
      ),
      saveRegister: async () => vehicle.saveRegister?.(),
    });
    const fetcher = new ModelFetcher({
      ...this.#options,
      gate: this.gate,
      models,
      tell: (fetched) => this.#options.tellFetched(fetched),
    });
    const watch = watchSetpoints(this.gate, clock, log, ({ issuedAtMs }) => {
      // Out of reach of the broker, it is heard of in the next slot, or by its bids.
      this.#options.answerProfile({ issuedAtMs }).catch(() => {});
    });
    const shedWatch = watchSheds(this.gate, clock, log);
    const worker = new BiddingWorker({
      gate: this.gate,
      connection: temporal.options,
      namespace: temporal.namespace,
      taskQueues: () =>
        [...modelFamilies, ...fetcher.familiesOf(modelFamilies)].map((family) =>
          inferenceTaskQueue(vehicle.regionId, vehicle.hardwareClass, family),
        ),
      // Operators see identities; they need to tell cars apart, not to know whose they are.
      identity: `veh:${createHash('sha256').update(vehicle.vehicleId).digest('hex').slice(0, 12)}`,
      activities: { ...activities },
      log,
      // A car that may not compute keeps no process: it costs memory and may hold an old model.
      onWithdrawn: () => runner.stop(),
      ...(this.#options.bidTurnMs !== undefined && { turnMs: this.#options.bidTurnMs }),
    });
    this.#awake = { runner, watch, shedWatch, fetcher, worker, closeOutbox: close, stopListening: [] };
    this.gate.clear('shutdown');
    worker.start();
    const { stopListening } = this.#awake;
    // Sheds first: a setpoint must not open the gate in an emergency that the car has not heard of.
    stopListening.push(await sheds.listen(vehicle.vehicleId, (payload) => shedWatch.receive(payload)));
    stopListening.push(await modelOrders.listen(vehicle.vehicleId, (payload) => fetcher.receive(payload)));
    stopListening.push(await setpoints.listen(vehicle.vehicleId, (payload) => watch.receive(payload)));
  }

  /** Bids no more, and computes a shard under way to its end. */
  async finish(): Promise<void> {
    await this.#awake?.worker.finish();
  }

  /** Leaves gracefully: a shard under way stores what is computed and is given back. */
  async stop(): Promise<void> {
    const awake = this.#fallAsleep();
    if (awake === undefined) return;
    await awake.worker.stop();
    awake.closeOutbox();
    await awake.runner.stop();
  }

  /**
   * As if the car's computer lost its power: nothing more is computed or stored. Its connections are the caller's to
   * break; what the SDK still tries to tell the server ends by itself, within about ten seconds.
   */
  async cutPower(): Promise<void> {
    const { log } = this.#options;
    this.#awake?.closeOutbox();
    const awake = this.#fallAsleep();
    awake?.worker.stop().catch((error: unknown) => log.warn({ err: error }, 'a dead Worker did not end'));
    await awake?.runner.stop();
  }

  #fallAsleep(): Awake | undefined {
    const awake = this.#awake;
    this.#awake = undefined;
    this.gate.close('shutdown');
    awake?.watch.close();
    awake?.shedWatch.close();
    awake?.fetcher.close();
    for (const stopListening of awake?.stopListening ?? []) stopListening();
    return awake;
  }
}

interface Awake {
  readonly runner: Runner;
  readonly watch: OrderWatch<SetpointProfile>;
  readonly shedWatch: OrderWatch<ShedOrder>;
  readonly fetcher: ModelFetcher;
  readonly worker: BiddingWorker;
  readonly closeOutbox: () => void;
  readonly stopListening: (() => void)[];
}
