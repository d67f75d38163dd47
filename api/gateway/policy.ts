import { createHash } from 'node:crypto';
import type { temporal } from '@temporalio/proto';
import { inferenceTaskQueue } from '../../domain/names.ts';
import { carIdentity } from '../../store/carIdentity.ts';
import type { KeyedCar } from '../../store/carKeys.ts';
import { Refusal } from './refusal.ts';
import type { SliceSigner } from '../../store/sliceAccess.ts';
import { boundToCar } from './sliceBinding.ts';
import type { TaskTokens } from './taskTokens.ts';

/** As the server's protocol numbers them. */
const NORMAL_QUEUE = 1;
const ACTIVITY_QUEUE = 2;
/** A car has one Worker, and for a moment a second one while the first ends. */
const MAX_WORKER_HEARTBEATS = 4;
const MAX_REASON_CHARS = 200;

type Requests = {
  readonly poll: temporal.api.workflowservice.v1.IPollActivityTaskQueueRequest;
  readonly heartbeat: temporal.api.workflowservice.v1.IRecordActivityTaskHeartbeatRequest;
  readonly completed: temporal.api.workflowservice.v1.IRespondActivityTaskCompletedRequest;
  readonly failed: temporal.api.workflowservice.v1.IRespondActivityTaskFailedRequest;
  readonly canceled: temporal.api.workflowservice.v1.IRespondActivityTaskCanceledRequest;
  readonly describeNamespace: temporal.api.workflowservice.v1.IDescribeNamespaceRequest;
  readonly shutdownWorker: temporal.api.workflowservice.v1.IShutdownWorkerRequest;
  readonly workerHeartbeat: temporal.api.workflowservice.v1.IRecordWorkerHeartbeatRequest;
};
type NamespaceDescription = temporal.api.workflowservice.v1.IDescribeNamespaceResponse;
type PolledTask = temporal.api.workflowservice.v1.IPollActivityTaskQueueResponse;
type WorkerHeartbeat = temporal.api.worker.v1.IWorkerHeartbeat;

/**
 * What of a car's request goes on to the server: a new request of just the fields that a car may fill, with the
 * identity and the namespace that the gateway knows. What a newer SDK adds does not pass until it is written here.
 * Each throws Refusal for what the car may not do.
 */
export type GatewayPolicy = {
  readonly [Name in keyof Requests]: (car: KeyedCar, request: Requests[Name]) => Requests[Name];
} & {
  /** The task as the car gets it: its token and its access to the shard are good for this car alone. */
  readonly taskFor: (car: KeyedCar, task: PolledTask) => PolledTask;
  /** Of the namespace, what the SDK goes by. */
  readonly namespaceFor: (description: NamespaceDescription) => NamespaceDescription;
};

export interface PolicyPorts {
  readonly tokens: TaskTokens;
  readonly slices: SliceSigner;
  /** Real time in epoch milliseconds. */
  readonly now: () => number;
}

export function gatewayPolicy(namespace: string, { tokens, slices, now }: PolicyPorts): GatewayPolicy {
  const ofCar = (car: KeyedCar, request: { readonly namespace?: string | null }) => {
    if (request.namespace !== namespace) throw new Refusal('namespace', `Namespace "${clipped(request.namespace)}".`);
    return { namespace, identity: carIdentity(car.vehicleId) };
  };
  const ofTask = (
    car: KeyedCar,
    request: { readonly namespace?: string | null; readonly taskToken?: Uint8Array | null },
  ) => {
    const taskToken = tokens.open(car.vehicleId, request.taskToken ?? new Uint8Array());
    if (!taskToken) throw new Refusal('token', 'The task token was not handed to this car.');
    return { ...ofCar(car, request), taskToken };
  };

  return {
    poll: (car, request) => {
      if (car.quarantined === true) throw new Refusal('quarantine', 'The car is in quarantine and gets no work.');
      return {
        ...ofCar(car, request),
        // Without the queue's metadata: its rate limit would slow down every other car.
        taskQueue: { name: queueOf(car, request.taskQueue?.name), kind: NORMAL_QUEUE },
        workerInstanceKey: instanceKey(car, request.workerInstanceKey),
      };
    },
    heartbeat: (car, request) => ({ ...ofTask(car, request), details: request.details ?? null }),
    completed: (car, request) => ({ ...ofTask(car, request), result: request.result ?? null }),
    failed: (car, request) => ({
      ...ofTask(car, request),
      failure: request.failure ?? null,
      lastHeartbeatDetails: request.lastHeartbeatDetails ?? null,
    }),
    canceled: (car, request) => ({ ...ofTask(car, request), details: request.details ?? null }),
    describeNamespace: (car, request) => ({ namespace: ofCar(car, request).namespace }),
    shutdownWorker: (car, request) => ({
      ...ofCar(car, request),
      // Without the sticky queue: it would be a workflow worker's.
      taskQueue: queueOf(car, request.taskQueue),
      taskQueueTypes: [ACTIVITY_QUEUE],
      reason: clipped(request.reason),
      workerInstanceKey: instanceKey(car, request.workerInstanceKey),
      workerHeartbeat: request.workerHeartbeat ? ofWorker(car, request.workerHeartbeat) : null,
    }),
    workerHeartbeat: (car, request) => ({
      ...ofCar(car, request),
      workerHeartbeat: (request.workerHeartbeat ?? [])
        .slice(0, MAX_WORKER_HEARTBEATS)
        .map((each) => ofWorker(car, each)),
    }),
    taskFor: (car, task) => {
      // Whose the shard is stays with us too: a car that knew would know a canary.
      const { pollerGroupInfos: _, pollerGroupsInfo: __, priority: ___, ...shown } = task;
      const { vehicleId } = car;
      return {
        ...shown,
        taskToken: tokens.seal(vehicleId, task.taskToken ?? new Uint8Array()),
        input: boundToCar(task.input, { vehicleId, handedOutRealMs: now() }, slices),
      };
    },
    namespaceFor: ({ namespaceInfo }) => ({
      namespaceInfo: {
        name: namespace,
        state: namespaceInfo?.state ?? null,
        limits: namespaceInfo?.limits ?? null,
        // Commands to workers come over queues that cars may not poll.
        capabilities: { ...namespaceInfo?.capabilities, workerCommands: false },
      },
    }),
  };
}

function ofWorker(car: KeyedCar, heartbeat: WorkerHeartbeat): WorkerHeartbeat {
  return {
    ...heartbeat,
    taskQueue: queueOf(car, heartbeat.taskQueue),
    workerIdentity: carIdentity(car.vehicleId),
    workerInstanceKey: instanceKey(car, heartbeat.workerInstanceKey),
  };
}

/** The queues that the car may poll: those of its region, class and model families, and of its roll-outs. */
function queueOf(
  { regionId, hardwareClass, modelFamilies, rolloutFamilies = [] }: KeyedCar,
  asked: string | null | undefined,
): string {
  const own = [...modelFamilies, ...rolloutFamilies].map((family) =>
    inferenceTaskQueue(regionId, hardwareClass, family),
  );
  const queue = own.find((each) => each === asked);
  if (queue === undefined) {
    throw new Refusal('queue', `Task queue "${clipped(asked)}": the car serves ${own.join(', ') || 'no queue'}.`);
  }
  return queue;
}

/** A worker that is told to shut down loses its polls, so that one car's keys must not be another's. */
function instanceKey({ vehicleId }: KeyedCar, key: string | null | undefined): string {
  return key
    ? createHash('sha256')
        .update(JSON.stringify([vehicleId, key]))
        .digest('hex')
        .slice(0, 32)
    : '';
}

function clipped(text: string | null | undefined): string {
  return (text ?? '').slice(0, MAX_REASON_CHARS);
}
