import { createRequire } from 'node:module';
import proto from '@temporalio/proto';
import type { temporal } from '@temporalio/proto';
import type { Root } from 'protobufjs';
import { jobOfWave } from '../../domain/names.ts';
import { SHARD_FAILURES } from '../../domain/shards.ts';
import { messageOf } from '../../domain/thrown.ts';
import type { KeyedCar } from '../../store/carKeys.ts';
import { carIdentity } from '../../store/carIdentity.ts';
import type { CarUses } from './carLimits.ts';
import type { GatewayPolicy } from './policy.ts';
import { Refusal } from './refusal.ts';

const messages = proto.temporal.api.workflowservice.v1;

/** The RPCs that an activity Worker needs; all others stay inside. */
export type ForwardedService = Pick<
  temporal.api.workflowservice.v1.WorkflowService,
  | 'getSystemInfo'
  | 'describeNamespace'
  | 'pollActivityTaskQueue'
  | 'recordActivityTaskHeartbeat'
  | 'respondActivityTaskCompleted'
  | 'respondActivityTaskFailed'
  | 'respondActivityTaskCanceled'
  | 'shutdownWorker'
  | 'recordWorkerHeartbeat'
>;

/** Temporal's server; the composition root connects to it with the namespace's credentials. */
export interface GatewayUpstream {
  readonly service: ForwardedService;
  /** Makes the calls of `work` with this deadline: the server answers no poll without one. */
  withDeadline<Result>(deadline: Date | number, work: () => Promise<Result>): Promise<Result>;
  /** Ends the calls that `work` makes when the signal aborts. */
  withAbortSignal<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result>;
}

/** Told of each attempt at a job's shard that failed, other than by a car that has to leave. */
export type AttemptFailed = (jobId: string, message: string) => void;

/** Answers one RPC of a car. `gone` aborts when the car no longer waits for the answer. */
export type RpcHandler = (car: KeyedCar, request: Buffer, gone: AbortSignal) => Promise<Uint8Array>;

export const WORKFLOW_SERVICE = 'temporal.api.workflowservice.v1.WorkflowService';
const SERVICES = [WORKFLOW_SERVICE, 'temporal.api.operatorservice.v1.OperatorService'] as const;
const HANDED_BACK_RETRY_MS = 250;
const LEAVING: readonly string[] = [
  SHARD_FAILURES.vehicleLeaving,
  SHARD_FAILURES.gateClosed,
  SHARD_FAILURES.deadlinePassed,
];

/** Every RPC that a Temporal server has, as `/service/method`. */
export function everyRpc(): string[] {
  const root: Root = createRequire(import.meta.url)('@temporalio/proto/protos/json-module');
  return SERVICES.flatMap((service) =>
    root.lookupService(service).methodsArray.map(({ name }) => `/${service}/${name}`),
  );
}

/** What cars may call, by the RPC's name. Handlers throw Refusal, and pass on what the server answers. */
export function carRpcs(
  upstream: GatewayUpstream,
  policy: GatewayPolicy,
  uses: CarUses,
  onFailed: AttemptFailed,
  onTask: (car: KeyedCar, workflowId: string, what: string) => void = () => {},
): Record<string, RpcHandler> {
  const { service } = upstream;

  const poll: RpcHandler = async (car, bytes, gone) => {
    const request = policy.poll(car, read(messages.PollActivityTaskQueueRequest, bytes));
    const endPoll = uses.openPoll(car.vehicleId);
    try {
      const task = await upstream.withAbortSignal(gone, () => service.pollActivityTaskQueue(request));
      if (task.taskToken.length === 0) return messages.PollActivityTaskQueueResponse.encode({}).finish();
      if (gone.aborted) {
        await handBack(car, task);
        throw new Error('the car was gone before its task came');
      }
      const workflowId = task.workflowExecution?.workflowId ?? '';
      uses.taskTaken(car.vehicleId, task.taskToken, { timeoutMs: timeoutMsOf(task), workflowId });
      onTask(car, workflowId, 'a shard was handed to a car');
      return messages.PollActivityTaskQueueResponse.encode(policy.taskFor(car, task)).finish();
    } finally {
      endPoll();
    }
  };

  /** A task that nobody takes would wait for its heartbeat timeout; so another car has it at once. */
  const handBack = async (
    { vehicleId }: KeyedCar,
    { taskToken, workflowNamespace: namespace }: temporal.api.workflowservice.v1.IPollActivityTaskQueueResponse,
  ): Promise<void> => {
    await service.respondActivityTaskFailed({
      namespace: namespace ?? null,
      taskToken: taskToken ?? null,
      identity: carIdentity(vehicleId),
      failure: {
        message: 'the car was gone before its task came',
        source: 'nightshift gateway',
        applicationFailureInfo: {
          type: SHARD_FAILURES.gateClosed,
          nextRetryDelay: { nanos: HANDED_BACK_RETRY_MS * 1e6 },
        },
      },
    });
  };

  return {
    GetSystemInfo: async () => messages.GetSystemInfoResponse.encode(await service.getSystemInfo({})).finish(),
    DescribeNamespace: async (car, bytes) => {
      const request = policy.describeNamespace(car, read(messages.DescribeNamespaceRequest, bytes));
      const described = policy.namespaceFor(await service.describeNamespace(request));
      return messages.DescribeNamespaceResponse.encode(described).finish();
    },
    PollActivityTaskQueue: poll,
    RecordActivityTaskHeartbeat: async (car, bytes) => {
      const request = policy.heartbeat(car, read(messages.RecordActivityTaskHeartbeatRequest, bytes));
      const answer = await service.recordActivityTaskHeartbeat(request);
      uses.taskAlive(car.vehicleId, request.taskToken ?? new Uint8Array());
      return messages.RecordActivityTaskHeartbeatResponse.encode(answer).finish();
    },
    RespondActivityTaskCompleted: async (car, bytes) => {
      const request = policy.completed(car, read(messages.RespondActivityTaskCompletedRequest, bytes));
      const answered = uses.taskAnswered(car.vehicleId, request.taskToken ?? new Uint8Array());
      const answer = await service.respondActivityTaskCompleted(request);
      if (answered) onTask(car, answered.workflowId, 'a car is done with a shard');
      return messages.RespondActivityTaskCompletedResponse.encode(answer).finish();
    },
    RespondActivityTaskFailed: async (car, bytes) => {
      const request = policy.failed(car, read(messages.RespondActivityTaskFailedRequest, bytes));
      const task = uses.taskAnswered(car.vehicleId, request.taskToken ?? new Uint8Array());
      const answer = await service.respondActivityTaskFailed(request);
      if (task) onTask(car, task.workflowId, 'a car gives a shard up');
      const jobId = task && jobOfWave(task.workflowId);
      const type = request.failure?.applicationFailureInfo?.type ?? '';
      if (jobId !== undefined && !LEAVING.includes(type)) onFailed(jobId, request.failure?.message ?? '');
      return messages.RespondActivityTaskFailedResponse.encode(answer).finish();
    },
    RespondActivityTaskCanceled: async (car, bytes) => {
      const request = policy.canceled(car, read(messages.RespondActivityTaskCanceledRequest, bytes));
      uses.taskAnswered(car.vehicleId, request.taskToken ?? new Uint8Array());
      const answer = await service.respondActivityTaskCanceled(request);
      return messages.RespondActivityTaskCanceledResponse.encode(answer).finish();
    },
    ShutdownWorker: async (car, bytes) => {
      const request = policy.shutdownWorker(car, read(messages.ShutdownWorkerRequest, bytes));
      return messages.ShutdownWorkerResponse.encode(await service.shutdownWorker(request)).finish();
    },
    RecordWorkerHeartbeat: async (car, bytes) => {
      const request = policy.workerHeartbeat(car, read(messages.RecordWorkerHeartbeatRequest, bytes));
      const answer = await service.recordWorkerHeartbeat(request);
      return messages.RecordWorkerHeartbeatResponse.encode(answer).finish();
    },
  };
}

function read<Message>(type: { decode(bytes: Uint8Array): Message }, bytes: Buffer): Message {
  try {
    return type.decode(bytes);
  } catch (cause) {
    throw new Refusal('malformed', `The request cannot be read: ${messageOf(cause)}.`);
  }
}

type Timeouts = Pick<
  temporal.api.workflowservice.v1.IPollActivityTaskQueueResponse,
  'heartbeatTimeout' | 'startToCloseTimeout'
>;

function timeoutMsOf({ heartbeatTimeout, startToCloseTimeout }: Timeouts): number {
  const [first] = [heartbeatTimeout, startToCloseTimeout].map(msOf).filter((ms) => ms > 0);
  return first ?? 0;
}

function msOf(duration: Timeouts['heartbeatTimeout']): number {
  return Number(duration?.seconds ?? 0) * 1_000 + (duration?.nanos ?? 0) / 1e6;
}
