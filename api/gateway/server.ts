import {
  experimental,
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { createServer, type Server as Listener } from 'node:net';
import type { Logger } from 'pino';
import { CONNECTION_LIMITS, limitConnections, type ConnectionLimits } from '../../domain/connectionLimits.ts';
import type { KeyedCar } from '../../store/carKeys.ts';
import { CAR_LIMITS, CarUses, type CarLimits } from './carLimits.ts';
import { createKeyring } from './keyring.ts';
import { gatewayPolicy, type PolicyPorts } from './policy.ts';
import { Refusal, REFUSALS } from './refusal.ts';
import { idsOfWorkflow } from '../../domain/logContext.ts';
import { carRpcs, everyRpc, type AttemptFailed, type RpcHandler } from './rpcs.ts';
import { WITHOUT_STATISTICS, WORKFLOW_SERVICE, type GatewayUpstream } from './upstream.ts';
import type { CertificatePair, ServerTls } from '../../domain/serverTls.ts';
import { listenError } from '../../domain/thrown.ts';

/** Results and failures carry keys and figures, never tensors. */
const MAX_REQUEST_BYTES = 256 * 1024;
const MAX_CALLS_PER_CONNECTION = 64;
/** A car that lost its network still has a poll open here, and would be handed a shard. */
const KEEPALIVE = { everyMs: 20_000, withinMs: 10_000 } as const;
/** Above the server's own limit of a poll, a minute. */
const MAX_CALL_REAL_MS = 90_000;
const DRAIN_LIMIT_MS = 500;

export interface GatewayPorts extends PolicyPorts {
  readonly upstream: GatewayUpstream;
  readonly carOfKey: (key: string) => Promise<KeyedCar | undefined>;
  /** Told of each refusal. `car` is undefined while nobody knows who it was. */
  readonly onRefused: (refusal: Refusal, car: KeyedCar | undefined, peer: string) => void;
  readonly onAttemptFailed: AttemptFailed;
  /** Told of each call that is let through; what it gives is called when the call has ended. */
  readonly onCall?: (rpc: string) => () => void;
  /** Told of each call of a car that was let through, when it has ended, with when it began. */
  readonly onAnswered?: (car: KeyedCar, sinceRealMs: number) => void;
  readonly log: Logger;
}

export interface GatewayOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly namespace: string;
  /** PEM; left out: without TLS, for a network that is trusted or a proxy in front. */
  readonly tls?: ServerTls;
  readonly limits?: Partial<CarLimits>;
  readonly connections?: ConnectionLimits;
}

export interface Gateway {
  readonly port: number;
  /** Ends the open polls, lets calls under way finish, and closes. */
  close(): Promise<void>;
}

type Call = ServerUnaryCall<Buffer, Uint8Array>;
type Reply = sendUnaryData<Uint8Array>;

/**
 * The cars' own door to Temporal: it speaks the server's protocol, takes a car's key as bearer token, and passes on
 * what the car's Worker needs and nothing else. Any number of gateways may run; a car may use each of them.
 * @throws NightshiftError `port_in_use`
 */
export async function startGateway(options: GatewayOptions, ports: GatewayPorts): Promise<Gateway> {
  const { log, now } = ports;
  const uses = new CarUses({ ...CAR_LIMITS, ...options.limits }, now);
  const carOf = createKeyring(ports.carOfKey, now);
  const handlers = carRpcs(
    ports.upstream,
    gatewayPolicy(options.namespace, ports),
    uses,
    ports.onAttemptFailed,
    ({ vehicleId }, workflowId, what) => log.info({ vehicleId, ...idsOfWorkflow(workflowId) }, what),
  );
  /** Of the calls under way: what ends each of them. */
  const open = new Set<AbortController>();
  let isClosing = false;

  const answer = async (handler: RpcHandler | undefined, path: string, call: Call): Promise<Uint8Array> => {
    let car: KeyedCar | undefined;
    const gone = new AbortController();
    let ended: (() => void) | undefined;
    const sinceRealMs = now();
    let isRefused = false;
    try {
      car = await carOf(bearerOf(call));
      const knownCar = car;
      if (!knownCar) throw new Refusal('key', 'The key is not a car’s.');
      uses.call(knownCar.vehicleId);
      if (!handler) throw new Refusal('rpc', `${path} is not for cars.`);
      ended = ports.onCall?.(path.slice(path.lastIndexOf('/') + 1));
      open.add(gone);
      if (call.cancelled || isClosing) gone.abort(GONE);
      // It comes at the end of every call, too.
      call.once('cancelled', () => open.has(gone) && gone.abort(GONE));
      const limits = { deadlineRealMs: deadlineOf(call, now()), gone: gone.signal };
      return await handler(knownCar, call.request, limits);
    } catch (error) {
      isRefused = error instanceof Refusal;
      if (error instanceof Refusal) ports.onRefused(error, car, call.getPeer());
      throw error;
    } finally {
      ended?.();
      if (car && !isRefused) ports.onAnswered?.(car, sinceRealMs);
      open.delete(gone);
    }
  };

  const server = new Server({
    'grpc.max_receive_message_length': MAX_REQUEST_BYTES,
    'grpc.max_concurrent_streams': MAX_CALLS_PER_CONNECTION,
    'grpc.keepalive_time_ms': KEEPALIVE.everyMs,
    'grpc.keepalive_timeout_ms': KEEPALIVE.withinMs,
    ...WITHOUT_STATISTICS,
  });
  const definition: Record<string, ServiceDefinition[string]> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const path of everyRpc()) {
    const handler = handlers[path.slice(`/${WORKFLOW_SERVICE}/`.length)];
    definition[path] = { path, requestStream: false, responseStream: false, ...RAW };
    implementation[path] = (call: Call, reply: Reply) => {
      answer(handler, path, call).then(
        (bytes) => reply(null, bytes),
        (error: unknown) => reply(statusOf(error, isClosing, log)),
      );
    };
  }
  server.addService(definition, implementation);
  const listener = await listen(server, options, log);
  const address = listener.address();
  return {
    port: typeof address === 'object' && address ? address.port : options.port,
    close: async () => {
      listener.close();
      isClosing = true;
      for (const call of open) call.abort(GONE);
      const drained = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      const limit = setTimeout(() => server.forceShutdown(), DRAIN_LIMIT_MS);
      await drained;
      clearTimeout(limit);
    },
  };
}

/** Requests are decoded by their handlers, so that what is refused is never looked at. */
const RAW = {
  requestSerialize: (bytes: Buffer) => bytes,
  requestDeserialize: (bytes: Buffer) => bytes,
  responseSerialize: (bytes: Uint8Array) => Buffer.from(bytes),
  responseDeserialize: (bytes: Buffer) => bytes,
} as const;

function bearerOf(call: Call): string {
  const [presented] = call.metadata.get('authorization');
  return /^Bearer (.{1,200})$/i.exec(String(presented ?? ''))?.[1] ?? '';
}

/** The car's, as long as it is one. */
function deadlineOf(call: Call, nowRealMs: number): number {
  return Math.min(Number(call.getDeadline()), nowRealMs + MAX_CALL_REAL_MS);
}

/** A reason that is there already: without one, an exception with its stack is made for each. */
const GONE = 'the car no longer waits';

function statusOf(error: unknown, isClosing: boolean, log: Logger): { code: status; details: string } {
  if (error instanceof Refusal) return { code: status[REFUSALS[error.kind]], details: error.message };
  if (isClosing) return { code: status.UNAVAILABLE, details: 'The gateway is closing.' };
  const answered = asServerStatus(error);
  if (answered) return answered;
  log.warn({ err: error }, 'a call of a car failed');
  return { code: status.UNAVAILABLE, details: 'The gateway cannot do this now.' };
}

const OWN_CREDENTIALS: readonly number[] = [status.UNAUTHENTICATED, status.PERMISSION_DENIED];

/** What the server itself answered: the SDK goes by its codes. */
function asServerStatus(error: unknown): { code: status; details: string } | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'number') return undefined;
  // The gateway's own credentials are no business of the car's, and no fault of its key.
  if (OWN_CREDENTIALS.includes(error.code)) return undefined;
  return { code: error.code, details: 'details' in error ? String(error.details) : error.message };
}

/** The port is listened on here, since the gRPC server itself takes any number of connections. */
async function listen(
  server: Server,
  { host, port, tls, connections }: GatewayOptions,
  log: Logger,
): Promise<Listener> {
  const credentials = tls ? renewable(tls) : ServerCredentials.createInsecure();
  const taken = server.createConnectionInjector(credentials);
  const listener = createServer((socket) => taken.injectConnection(socket));
  // Inside TLS a refusal could not be read.
  limitConnections(listener, connections ?? CONNECTION_LIMITS, log, tls ? undefined : http2Refusal);
  await new Promise<void>((resolve, reject) => {
    listener.once('error', (cause) => reject(listenError(cause, { host, port })));
    listener.listen(port, host, resolve);
  });
  return listener;
}

const SETTINGS_FRAME = 4;
const GOAWAY_FRAME = 7;
const ENHANCE_YOUR_CALM = 0xb;

/** Says over HTTP/2, and so gRPC, why a connection is refused: the server's preface and GOAWAY. */
function http2Refusal(why: string): Buffer {
  const lastStreamAndCode = Buffer.alloc(8);
  lastStreamAndCode.writeUInt32BE(ENHANCE_YOUR_CALM, 4);
  return Buffer.concat([
    frameOf(SETTINGS_FRAME, Buffer.alloc(0)),
    frameOf(GOAWAY_FRAME, Buffer.concat([lastStreamAndCode, Buffer.from(why)])),
  ]);
}

/** On stream 0, without flags. */
function frameOf(type: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  return Buffer.concat([head, payload]);
}

/** Credentials that follow the renewals of their certificate. */
function renewable(tls: ServerTls): ServerCredentials {
  return experimental.createCertificateProviderServerCredentials(
    {
      addIdentityCertificateListener: (listener) => {
        const tell = ({ certificate, key: privateKey }: CertificatePair): void => listener({ certificate, privateKey });
        // The server hears of it only once this function has returned.
        queueMicrotask(() => tell(tls.current));
        tls.onRenewed(tell);
      },
      // The server listens for as long as it runs.
      removeIdentityCertificateListener: () => {},
      addCaCertificateListener: () => {},
      removeCaCertificateListener: () => {},
    },
    null,
    false,
  );
}
