import type { IncomingMessage, Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createRPCError, RPCServer, type IHandlersOption } from 'ocpp-rpc';
import type { Logger } from 'pino';
import type { ServerTls } from '../../domain/serverTls.ts';
import {
  CONNECTION_LIMITS,
  httpRefusal,
  limitConnections,
  type ConnectionLimits,
} from '../../domain/connectionLimits.ts';
import { listenError } from '../../domain/thrown.ts';
import { renewableServer } from '../../domain/renewableServer.ts';
import { ChargePointSession, type ChargePointPorts } from './chargePointSession.ts';
import { ocpp16 } from './ocpp16.ts';
import { ocpp201 } from './ocpp201.ts';
import type { Dialect, OcppCall } from './dialect.ts';

const DIALECTS: readonly Dialect[] = [ocpp201, ocpp16];
const CALL_LIMIT_MS = 30_000;
const PING_EVERY_MS = 30_000;
/** A charge point that sends so much that cannot be read is cut off; it comes back by itself. */
const MAX_BAD_MESSAGES = 100;
const MAX_MESSAGE_BYTES = 256 * 1024;
const PATH = '/ocpp';

export interface CentralSystemOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Security profile 2; without it profile 1: passwords over a line that others may read. */
  readonly tls?: ServerTls;
  readonly connections?: ConnectionLimits;
}

/** A charge point that may come in, with what its session needs. */
export type AdmittedChargePoint = Omit<ChargePointPorts, 'dialect' | 'call' | 'log'>;

export interface CentralSystemPorts {
  /** @returns undefined for one that is not enrolled, or whose password is wrong */
  readonly admit: (id: string, password: Buffer | undefined) => Promise<AdmittedChargePoint | undefined>;
  readonly onRefused: (id: string, why: string) => void;
  readonly log: Logger;
}

export interface CentralSystem {
  /** Where charge points connect: this, a slash and their id. */
  readonly url: string;
  /** How many charge points are connected. */
  connected(): number;
  /** Cuts a charge point off, if it is there. */
  disconnect(id: string): void;
  close(): Promise<void>;
}

/**
 * The central system that charge points connect to, at `/ocpp/<id>`: OCPP-J 1.6 and 2.0.1, each message checked against
 * its published schema, security profiles 1 (password) and 2 (password over TLS).
 * @throws NightshiftError `port_in_use`
 */
export async function startCentralSystem(
  { host, port, tls, connections: limits = CONNECTION_LIMITS }: CentralSystemOptions,
  { admit, onRefused, log }: CentralSystemPorts,
): Promise<CentralSystem> {
  const rpc = new RPCServer({
    protocols: DIALECTS.map(({ protocol }) => protocol),
    strictMode: true,
    callTimeoutMs: CALL_LIMIT_MS,
    pingIntervalMs: PING_EVERY_MS,
    maxBadMessages: MAX_BAD_MESSAGES,
    wssOptions: { maxPayload: MAX_MESSAGE_BYTES },
  });
  /** By charge point: ends its connection. */
  const connections = new Map<string, () => void>();

  rpc.auth((accept, reject, { identity, endpoint, password, protocols }) => {
    const refuse = (status: number, why: string): void => {
      onRefused(identity, why);
      reject(status, why);
    };
    if (endpoint !== PATH) return refuse(404, `charge points connect to ${PATH}/<id>`);
    const dialect = DIALECTS.find(({ protocol }) => protocols.has(protocol));
    if (!dialect) return refuse(400, `one of ${DIALECTS.map(({ protocol }) => protocol).join(', ')} must be offered`);
    admit(identity, password).then(
      (admitted) =>
        admitted ? accept({ admitted, dialect }, dialect.protocol) : refuse(401, 'unknown, or the password is wrong'),
      (error: unknown) => {
        log.error({ err: error, chargePoint: identity }, 'a charge point could not be looked up');
        reject(503, 'try again later');
      },
    );
  });

  rpc.on('client', (client: Client) => {
    const { admitted, dialect } = client.session;
    const id = client.identity ?? '';
    // The old line of one that connects anew is dead, whether we know it yet or not.
    connections.get(id)?.();
    const session = new ChargePointSession({
      ...admitted,
      dialect,
      call: ({ method, params }: OcppCall) => client.call(method, params),
      log: log.child({ chargePoint: id }),
    });
    const close = (): void => void client.close({ code: 1001, force: true });
    connections.set(id, close);
    client.handle(async ({ method = '', params }) => {
      const response = session.handle(method, params);
      if (!response) throw createRPCError('NotImplemented', `${method} is not served`);
      return response;
    });
    client.on('badMessage', ({ error }: { error?: Error }) =>
      log.warn({ err: error, chargePoint: id }, 'unreadable OCPP'),
    );
    client.once('close', () => {
      session.close();
      if (connections.get(id) === close) connections.delete(id);
    });
    session.connected();
  });

  const server: Server = tls ? renewableServer(tls, notFound) : createServer(notFound);
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    rpc.handleUpgrade(request, socket, head).catch((error: unknown) => {
      log.warn({ err: error }, 'a charge point could not be taken in');
      socket.destroy();
    });
  });
  // Inside TLS a refusal could not be read.
  limitConnections(server, limits, log, tls ? undefined : httpRefusal);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(listenError(cause, { host, port })));
    server.listen(port, host, resolve);
  });
  const { port: bound } = server.address() as AddressInfo; // oxlint-disable-line typescript/no-unsafe-type-assertion -- a TCP server
  return {
    url: `${tls ? 'wss' : 'ws'}://${host}:${bound}${PATH}`,
    connected: () => connections.size,
    disconnect: (id) => connections.get(id)?.(),
    close: async () => {
      for (const close of connections.values()) close();
      await rpc.close({ code: 1001, force: true });
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
    },
  };
}

/** What `accept` hands on of a charge point, on its connection. */
interface Client {
  readonly identity?: string;
  readonly session: { readonly admitted: AdmittedChargePoint; readonly dialect: Dialect };
  call(method: string, params: unknown): Promise<unknown>;
  handle(handler: (message: IHandlersOption) => Promise<Record<string, unknown>>): void;
  on(event: 'badMessage', listener: (message: { error?: Error }) => void): void;
  once(event: 'close', listener: () => void): void;
  close(options: { code: number; force: boolean }): Promise<unknown>;
}

function notFound(_: IncomingMessage, response: { writeHead(status: number): { end(): void } }): void {
  response.writeHead(404).end();
}
