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
import { WORKFLOW_SERVICE, type CallLimits, type GatewayUpstream } from './upstream.ts';

const messages = proto.temporal.api.workflowservice.v1;

/** Told of each attempt at a job's shard that failed, other than by a car that has to leave. */
export type AttemptFailed = (jobId: string, message: string) => void;

/** Answers one RPC of a car. `gone` aborts when the car no longer waits for the answer. */
export type RpcHandler = (car: KeyedCar, request: Buffer, limits: Required<CallLimits>) => Promise<Uint8Array>;

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
  const poll: RpcHandler = async (car, bytes, limits) => {
    const request = policy.poll(car, read(messages.PollActivityTaskQueueRequest, bytes));
    const endPoll = uses.openPoll(car.vehicleId);
    try {
      const asked = messages.PollActivityTaskQueueRequest.encode(request).finish();
      const answer = await upstream.call('PollActivityTaskQueue', asked, limits);
      const task = messages.PollActivityTaskQueueResponse.decode(answer);
      if (task.taskToken.length === 0) return NOTHING;
      if (limits.gone.aborted) {
        await handBack(car, task, limits);
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
    { deadlineRealMs }: CallLimits,
  ): Promise<void> => {
    const failed = messages.RespondActivityTaskFailedRequest.encode({
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
    }).finish();
    await upstream.call('RespondActivityTaskFailed', failed, { deadlineRealMs });
  };

  /** What the policy lets through of a request goes to the server, and its answer to the car. */
  const passOn =
    <Request>(
      rpc: string,
      type: MessageType<Request>,
      allowed: (car: KeyedCar, request: Request) => Request,
      { before, after }: { before?: Noticed<Request>; after?: Noticed<Request> } = {},
    ): RpcHandler =>
    async (car, bytes, { deadlineRealMs }) => {
      const request = allowed(car, read(type, bytes));
      before?.(car, request);
      const answer = await upstream.call(rpc, type.encode(request).finish(), { deadlineRealMs });
      after?.(car, request);
      return answer;
    };
  const answered: Noticed<TaskRequest> = ({ vehicleId }, { taskToken }) =>
    void uses.taskAnswered(vehicleId, taskToken ?? NOTHING);
  const completedBy: Noticed<TaskRequest> = (car, { taskToken }) => {
    const task = uses.taskAnswered(car.vehicleId, taskToken ?? NOTHING);
    if (task) onTask(car, task.workflowId, 'a car reports a shard as done');
  };

  return {
    GetSystemInfo: async (_, __, { deadlineRealMs }) => upstream.call('GetSystemInfo', NOTHING, { deadlineRealMs }),
    DescribeNamespace: async (...call) => {
      const { DescribeNamespaceRequest: type } = messages;
      const answer = await passOn('DescribeNamespace', type, policy.describeNamespace)(...call);
      const described = policy.namespaceFor(messages.DescribeNamespaceResponse.decode(answer));
      return messages.DescribeNamespaceResponse.encode(described).finish();
    },
    PollActivityTaskQueue: poll,
    RecordActivityTaskHeartbeat: passOn(
      'RecordActivityTaskHeartbeat',
      messages.RecordActivityTaskHeartbeatRequest,
      policy.heartbeat,
      { after: ({ vehicleId }, { taskToken }) => uses.taskAlive(vehicleId, taskToken ?? NOTHING) },
    ),
    RespondActivityTaskCompleted: passOn(
      'RespondActivityTaskCompleted',
      messages.RespondActivityTaskCompletedRequest,
      policy.completed,
      { before: completedBy },
    ),
    RespondActivityTaskFailed: async (car, bytes, { deadlineRealMs }) => {
      const request = policy.failed(car, read(messages.RespondActivityTaskFailedRequest, bytes));
      const task = uses.taskAnswered(car.vehicleId, request.taskToken ?? NOTHING);
      const failed = messages.RespondActivityTaskFailedRequest.encode(request).finish();
      const answer = await upstream.call('RespondActivityTaskFailed', failed, { deadlineRealMs });
      if (task) onTask(car, task.workflowId, 'a car gives a shard up');
      const jobId = task && jobOfWave(task.workflowId);
      const type = request.failure?.applicationFailureInfo?.type ?? '';
      if (jobId !== undefined && !LEAVING.includes(type)) onFailed(jobId, request.failure?.message ?? '');
      return answer;
    },
    RespondActivityTaskCanceled: passOn(
      'RespondActivityTaskCanceled',
      messages.RespondActivityTaskCanceledRequest,
      policy.canceled,
      { before: answered },
    ),
    ShutdownWorker: passOn('ShutdownWorker', messages.ShutdownWorkerRequest, policy.shutdownWorker),
    RecordWorkerHeartbeat: passOn(
      'RecordWorkerHeartbeat',
      messages.RecordWorkerHeartbeatRequest,
      policy.workerHeartbeat,
    ),
  };
}

const NOTHING = new Uint8Array();

interface MessageType<Message> {
  decode(bytes: Uint8Array): Message;
  encode(message: Message): { finish(): Uint8Array };
}

type TaskRequest = { readonly taskToken?: Uint8Array | null };
type Noticed<Request> = (car: KeyedCar, request: Request) => void;

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
