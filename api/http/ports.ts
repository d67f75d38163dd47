import type { Logger } from 'pino';

import type { AccountsConfig } from '../../domain/accountRoles.ts';
import type { UploadedFolder, UploadedModel } from '../../domain/modelUploads.ts';
import type { Pipeline } from '../../domain/models.ts';
import type { ModelRef } from '../../domain/shards.ts';
import type { Rollout, RolloutCommand } from '../../domain/workflows/modelRollout.ts';
import type { WebhookHosts } from '../../domain/webhookTargets.ts';
import type { Batch, JobStart } from '../../store/batches.ts';
import type { Cell } from '../../store/cells.ts';
import type { Database } from '../../store/database.ts';
import type { ParkingSession } from '../../store/parkingSessions.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import type { Seal } from '../../store/seal.ts';
import type { TrainingRun } from '../../store/trainingRuns.ts';
import type { SliceSigner } from '../../store/sliceAccess.ts';
import type { MeasuredNoise } from '../../domain/trust/tolerance.ts';
import type { BatchToQuote, QuoteAnswer } from './quoteBatch.ts';

import type { PageFiles } from './pageFiles.ts';

import type { CarOutlookAnswer, PolicyToPreview } from './previewPolicy.ts';

/** Starts and cancels the durable job behind a batch; the composition root implements it with Temporal. */
export interface JobStarter {
  /**
   * Starts the batch's job. Asked again while it runs, or after it has come to its end, it does nothing; one that was
   * ended from outside is started anew.
   * @throws NightshiftError `unavailable`
   */
  start(batch: Pick<Batch, 'id' | 'endpoint' | 'status'>, start: JobStart): Promise<void>;
  /**
   * Asks how the job was ended from outside, before the batch was done.
   * @returns `terminated`, `failed`, `cancelled`, `timed out` or `unknown to Temporal`; undefined for one that runs or has
   *   come to its end
   * @throws NightshiftError `unavailable`
   */
  lossOf(batchId: string): Promise<string | undefined>;
  /** Asks the job to end and to keep what is finished. @throws NightshiftError `unavailable` */
  cancel(batchId: string): Promise<void>;
  /** Holds the job back or lets it go on. @throws NightshiftError `unavailable` */
  setPaused(batchId: string, paused: boolean): Promise<void>;
}

/** Starts and leads the durable course of a training run; the composition root implements it with Temporal. */
export interface TrainingStarter {
  /**
   * Starts the run's course from this round on. Asked again while it is under way, it does nothing.
   * @throws NightshiftError `unavailable`
   */
  start(run: Pick<TrainingRun, 'id' | 'cellId' | 'plan'>, from: TrainingStart): Promise<void>;
  /** Holds the run back or lets it go on. @throws NightshiftError `unavailable` */
  setPaused(runId: string, paused: boolean): Promise<void>;
  /** Ends the run, with the weights that it has. @throws NightshiftError `unavailable` */
  cancel(runId: string): Promise<void>;
}

export interface TrainingStart {
  readonly nextRound: number;
  /** Whether its examples and first weights are stored. */
  readonly prepared: boolean;
}

/** How a request was answered by a model: the body of its pipeline, or an error in OpenAI's form. */
export interface LiveAnswer {
  readonly statusCode: number;
  readonly body: unknown;
}

/** A model that a tenant's live request is for. */
export type LiveModel = ModelRef & {
  readonly pipeline: Pick<Pipeline, 'kind'>;
  /** Who pays. */
  readonly tenantId: string;
};

/** Answers requests at once; the composition root implements it with a runner of its own. */
export interface LiveInference {
  /**
   * Answers the bodies in order.
   * @throws NightshiftError `rate_limited` when too many wait, `unavailable` when the model's process dies,
   *   `payment_required` when the tenant's balance and credit are used up
   */
  infer(model: LiveModel, bodies: readonly unknown[]): Promise<readonly LiveAnswer[]>;
  /**
   * Generates the answer of one request, together with others that are under way.
   * @param options.onProgress hears each choice's text as it comes
   * @throws NightshiftError like `infer`, and the reason of `options.signal`
   */
  generate(
    model: LiveModel,
    task: { readonly id: string; readonly body: unknown; readonly createdAtSeconds: number },
    options?: {
      readonly onProgress?: (progress: { readonly choice: number; readonly text: string }) => void;
      readonly signal?: AbortSignal;
    },
  ): Promise<LiveAnswer>;
}

/** Makes quotes; the composition root implements it beside the process that serves requests. */
export interface Quotes {
  /** @throws NightshiftError `rate_limited` when too many are being made, `unavailable` when it fails */
  quote(batch: BatchToQuote): Promise<QuoteAnswer>;
  /** What the plan would have for a car with another policy. @throws NightshiftError like `quote` */
  preview(asked: PolicyToPreview): Promise<CarOutlookAnswer>;
}

export interface AdmittedModel {
  readonly name: string;
  readonly version: string;
  readonly msPerSample: number;
  readonly unitsPerSample: number;
  readonly peakMemoryMb: number | undefined;
  /** What a car has to have for it, MiB. */
  readonly neededMemoryMb: number | undefined;
  readonly tokensPerSecond: { readonly prefill: number; readonly decode: number } | undefined;
  /** Its answers' distances on other settings of the runtime; stored under `sha256`. */
  readonly sha256: string;
  readonly noise: MeasuredNoise;
}

/** Checks and measures models of strangers; the composition root implements it with limited processes. */
export interface ModelAdmission {
  /** Publishes the model for the tenant. @throws NightshiftError `model_refused`, `conflict` */
  admit(upload: UploadedModel, tenantId: string): Promise<AdmittedModel>;
  /** As `admit`, of a folder that says itself what it is. @throws NightshiftError `invalid_request` too */
  admitFolder(upload: UploadedFolder, tenantId: string): Promise<AdmittedModel>;
}

/** Follows utilities' servers; the composition root implements it with Temporal. */
export interface VenStarter {
  /** Starts following a connection, or tells the one that runs to look now. @throws NightshiftError `unavailable` */
  hint(connectionId: string): Promise<void>;
}

/** Tells those who act on what was stored for a region; the composition root implements it with MQTT and Temporal. */
export interface RegionTeller {
  /**
   * Import limits were stored: cars whose limit is 0 now are told to shed, at once, and those whose limit no longer is
   * that they may come back.
   * @throws NightshiftError `unavailable` when they could not be told; the region's next refresh tells them
   */
  followLimits(regionId: string): Promise<void>;
  /** @throws NightshiftError `unavailable`; what is stored is then found at the region's next poll */
  signalsPushed(regionId: string): Promise<void>;
}

/** Checks and follows regions that are added at run time; the composition root implements it with Temporal. */
export interface RegionKeeper {
  /** The feeds as they are kept. @throws NightshiftError `invalid_request` that names the field */
  checkedFeeds(feeds: unknown): unknown;
  /** Follows the region's signals; one that is followed is left alone. @throws NightshiftError `unavailable` */
  start(region: { readonly id: string; readonly timeZone: string }): Promise<void>;
}

/** Tells the durable session of a stay; the composition root implements it with Temporal. */
export interface StayNotifier {
  /** The owner changed what is wanted; a session that has ended takes no harm. @throws NightshiftError `unavailable` */
  policyChanged(stay: Pick<ParkingSession, 'vehicleId' | 'stay'>): Promise<void>;
}

/** Starts the durable roll-out of a model, and tells it what an operator wants; implemented with Temporal. */
export interface RolloutStarter {
  /** Starts it; one that runs is left alone. @throws NightshiftError `unavailable`: asked again, it starts */
  start(rollout: Rollout): Promise<void>;
  /** @throws NightshiftError `unavailable` */
  command(rollout: Rollout, command: RolloutCommand, reason: string): Promise<void>;
}

export interface ApiPorts {
  readonly rollouts: RolloutStarter;
  readonly database: Database;
  readonly objects: ObjectStore;
  readonly jobs: JobStarter;
  readonly trainings: TrainingStarter;
  readonly vens: VenStarter;
  /** Seals what must not stand in the database in the clear. */
  readonly seal: Seal;
  /** Reads what cars may do in the object store. */
  /** Left out: people have keys alone. */
  readonly accounts?: AccountsConfig;
  readonly slices: SliceSigner;
  readonly live: LiveInference;
  readonly quotes: Quotes;
  readonly admission: ModelAdmission;
  /** Where models are kept while they are looked at; needs room for the largest. */
  readonly scratchFolder: string;
  /** Of one model, all its files together. */
  readonly maxModelBytes: number;
  readonly regions: RegionTeller;
  readonly regionKeeper: RegionKeeper;
  /** Where tenants may have their events posted to. */
  readonly webhookHosts: WebhookHosts;
  readonly retention: {
    /** Grid time for which plans, the journal, cars' transitions and signals are kept. */
    readonly days: number;
    /** Time after their end for which shards of batches and utility events are kept. */
    readonly settledDays: number;
    /** Real time for which objects are kept that nothing names. */
    readonly orphanDays: number;
  };
  readonly stays: StayNotifier;
  /** Where cars find the gateway and the broker. */
  readonly carDoors: {
    readonly gateway: { readonly address: string; readonly tls: boolean; readonly namespace: string };
    readonly mqttUrl: string;
    readonly telemetryBase: string;
  };
  readonly cell: Cell;
  /** Where the Temporal UI shows a workflow, before its id; null when nobody said where it is. */
  readonly temporalUi: string | null;
  /** The page's files by path; empty where it was not built. */
  readonly page: PageFiles;
  /** What a kilogram of CO2 counts for beside the price. */
  readonly carbonEurPerKg: number;
  /** What a kWh is worth that a car leaves without, unless its owner says. */
  readonly missingEurPerKwh: number;
  /** The key of the default tenant, which may do everything; others are in the database. */
  readonly apiKey: string;
  readonly logger: Logger;
  /** Told of each request that is answered. */
  readonly onAnswered?: (answered: {
    /** First part of the path, of those that there are. */
    readonly area: string;
    /** `2xx` */
    readonly status: string;
    readonly seconds: number;
  }) => void;
  /** Real time in epoch milliseconds. */
  readonly now: () => number;
}
