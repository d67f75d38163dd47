import { createRequire } from 'node:module';
import {
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Root, Type } from 'protobufjs';

const root: Root = createRequire(import.meta.url)('@temporalio/proto/protos/json-module');

type Message = Record<string, unknown>;
type Reply = sendUnaryData<Message>;
type Handler = (call: ServerUnaryCall<Message, Message>, reply: Reply) => void;

export interface FakeTask {
  readonly activityType: string;
  readonly input: unknown;
  readonly heartbeatTimeoutMs?: number;
}

/** What a car told the server about a task, in order. */
export interface Told {
  readonly kind: 'heartbeat' | 'completed' | 'failed' | 'cancelled';
  readonly token: string;
  /** The heartbeat's details, the result, or the failure's type. */
  readonly value: unknown;
  /** Of a failure: the heartbeat details that came with it. */
  readonly lastHeartbeat?: unknown;
}

/** As much of a Temporal server as an activity Worker needs, in this process; it never retries by itself. */
export class FakeTemporal {
  readonly told: Told[] = [];
  /** Every RPC that arrived, in order. */
  readonly received: { readonly rpc: string; readonly request: Message }[] = [];
  polls = 0;
  openPolls = 0;
  mostOpenPolls = 0;
  /** Tokens of attempts that the server has given up. */
  readonly timedOut = new Set<string>();
  /** Tokens whose completion never arrives. */
  readonly lostCompletions = new Set<string>();
  readonly #server = new Server();
  readonly #waiting: ((task: Message) => boolean)[] = [];
  readonly #tasks: Message[] = [];
  #tokens = 0;
  #port = 0;

  static async start(): Promise<FakeTemporal> {
    const fake = new FakeTemporal();
    await fake.#listen();
    return fake;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Schedules an activity. @returns its task token */
  schedule({ activityType, input, heartbeatTimeoutMs = 30_000 }: FakeTask): string {
    this.#tokens += 1;
    const token = `task-${this.#tokens}`;
    const task = {
      taskToken: Buffer.from(token),
      workflowNamespace: 'default',
      workflowType: { name: 'shardWave' },
      workflowExecution: { workflowId: 'job/1', runId: '00000000-0000-0000-0000-000000000001' },
      activityType: { name: activityType },
      activityId: token,
      input: { payloads: [toPayload(input)] },
      attempt: 1,
      scheduledTime: now(),
      currentAttemptScheduledTime: now(),
      startedTime: now(),
      scheduleToCloseTimeout: { seconds: 600 },
      startToCloseTimeout: { seconds: 600 },
      heartbeatTimeout: { seconds: Math.floor(heartbeatTimeoutMs / 1_000), nanos: (heartbeatTimeoutMs % 1_000) * 1e6 },
    };
    while (this.#waiting.length > 0) if (this.#waiting.shift()?.(task) === true) return token;
    this.#tasks.push(task);
    return token;
  }

  /** Queues that were polled, each time that it was another one. */
  polledQueues(): string[] {
    return this.received
      .filter(({ rpc }) => rpc === 'PollActivityTaskQueue')
      .map(({ request }) => (request['taskQueue'] as { name: string }).name)
      .filter((name, index, names) => name !== names[index - 1]);
  }

  kinds(token: string): string[] {
    return this.told.filter((entry) => entry.token === token).map(({ kind }) => kind);
  }

  async stop(): Promise<void> {
    this.#server.forceShutdown();
  }

  async #listen(): Promise<void> {
    const service = root.lookupService('temporal.api.workflowservice.v1.WorkflowService');
    root.resolveAll();
    const definition: Record<string, ServiceDefinition[string]> = {};
    const implementation: UntypedServiceImplementation = {};
    for (const method of service.methodsArray) {
      const { resolvedRequestType: request, resolvedResponseType: response } = method;
      if (request === null || response === null) continue;
      definition[method.name] = {
        path: `/temporal.api.workflowservice.v1.WorkflowService/${method.name}`,
        requestStream: false,
        responseStream: false,
        requestSerialize: encoder(request),
        requestDeserialize: decoder(request),
        responseSerialize: encoder(response),
        responseDeserialize: decoder(response),
      };
      const handler = this.#handlers[method.name];
      implementation[method.name] = (call: ServerUnaryCall<Message, Message>, reply: Reply) => {
        this.received.push({ rpc: method.name, request: call.request });
        if (handler) handler(call, reply);
        else reply({ code: status.UNIMPLEMENTED });
      };
    }
    this.#server.addService(definition, implementation);
    this.#port = await new Promise((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
  }

  readonly #handlers: Record<string, Handler> = {
    GetSystemInfo: (_, reply) =>
      reply(null, { serverVersion: '1.31.2', capabilities: { activityFailureIncludeHeartbeat: true } }),
    DescribeNamespace: (_, reply) => reply(null, { namespaceInfo: { name: 'default' } }),
    ShutdownWorker: (_, reply) => reply(null, {}),
    RecordWorkerHeartbeat: (_, reply) => reply(null, {}),
    PollActivityTaskQueue: (call, reply) => this.#poll(call, reply),
    RecordActivityTaskHeartbeat: ({ request }, reply) =>
      this.#tell('heartbeat', request, fromPayloads(request['details']), reply),
    RespondActivityTaskCompleted: ({ request }, reply) =>
      this.#tell('completed', request, fromPayloads(request['result']), reply),
    RespondActivityTaskCanceled: ({ request }, reply) =>
      this.#tell('cancelled', request, fromPayloads(request['details']), reply),
    RespondActivityTaskFailed: ({ request }, reply) => {
      const failure = message(request['failure']);
      const type = message(failure['applicationFailureInfo'])['type'];
      this.#tell('failed', request, type, reply, fromPayloads(request['lastHeartbeatDetails']));
    },
  };

  #poll(call: ServerUnaryCall<Message, Message>, reply: Reply): void {
    if (!Number.isFinite(Number(call.getDeadline()))) {
      reply({ code: status.INVALID_ARGUMENT, details: 'Context timeout is not set.' });
      return;
    }
    this.polls += 1;
    this.openPolls += 1;
    this.mostOpenPolls = Math.max(this.mostOpenPolls, this.openPolls);
    let open = true;
    const close = (): void => {
      if (open) this.openPolls -= 1;
      open = false;
    };
    call.on('cancelled', close);
    const answer = (task: Message): boolean => {
      if (!open) return false;
      close();
      reply(null, task);
      return true;
    };
    const task = this.#tasks.shift();
    if (task === undefined) this.#waiting.push(answer);
    else answer(task);
  }

  #tell(kind: Told['kind'], request: Message, value: unknown, reply: Reply, lastHeartbeat?: unknown): void {
    const token = String(request['taskToken']);
    if (this.timedOut.has(token) || (kind === 'completed' && this.lostCompletions.has(token))) {
      reply({ code: status.NOT_FOUND, details: 'activity task not found or already timed out' });
      return;
    }
    this.told.push({ kind, token, value, ...(lastHeartbeat === undefined ? {} : { lastHeartbeat }) });
    reply(null, {});
  }
}

function encoder(type: Type): (value: Message) => Buffer {
  return (value) => Buffer.from(type.encode(type.fromObject(value)).finish());
}

function decoder(type: Type): (bytes: Buffer) => object {
  return (bytes) => type.decode(bytes);
}

function toPayload(value: unknown) {
  return { metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from(JSON.stringify(value)) };
}

function fromPayloads(payloads: unknown): unknown {
  const list = message(payloads)['payloads'];
  const [first]: unknown[] = Array.isArray(list) ? list : [];
  const { data } = message(first);
  return data instanceof Uint8Array ? JSON.parse(Buffer.from(data).toString('utf8')) : undefined;
}

function message(value: unknown): Message {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function now() {
  return { seconds: Math.floor(Date.now() / 1_000) };
}
