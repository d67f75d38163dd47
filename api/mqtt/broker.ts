import { createServer, type Server, type Socket } from 'node:net';

import { Aedes, type AuthenticateError, type Client } from 'aedes';
import type { Logger } from 'pino';

import { CONNECTION_LIMITS, limitConnections, type ConnectionLimits } from '../../domain/connectionLimits.ts';
import { listenError, messageOf } from '../../domain/thrown.ts';
import type { AdmitClient, BrokerRights } from './brokerRights.ts';
import { CarDamping } from './carDamping.ts';

export interface Broker {
  readonly url: string;
  /** Cuts every client off and closes; retained messages are gone. */
  close(): Promise<void>;
}

export interface BrokerOptions {
  readonly host: string;
  readonly port: number;
  readonly logger: Logger;
  readonly admit: AdmitClient;
  readonly connections?: ConnectionLimits;
  /** What a car did that it may not, at most once an hour and car. */
  readonly onMisuse: (carId: string, what: string) => void;
}

/** CONNACK, without session and with the code of a server that is unavailable; it has no room for a text. */
const NO_ROOM = Buffer.from([0x20, 2, 0, 3]);
/** Return codes of MQTT 3.1.1. */
const IDENTIFIER_REJECTED = 2;
const SERVER_UNAVAILABLE = 3;
const BAD_USERNAME_OR_PASSWORD = 4;
/** A key that was withdrawn or replaced opens the broker no longer than this. */
const ADMITTED_AGAIN_EVERY_MS = 300_000;

interface Admitted {
  readonly rights: BrokerRights;
  readonly username: string;
  readonly password: string;
}

/**
 * An MQTT 3.1.1 broker in this process; port 0 takes a free one. Retained messages and the sessions of clients live
 * in memory: whoever connects after a restart is told again by those who publish. A client that publishes where it may
 * not is cut off; a subscription that it may not have is refused.
 * @throws NightshiftError `port_in_use`
 */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const { host, logger, admit, onMisuse } = options;
  const damping = new CarDamping(onMisuse);
  // Its will is judged after a client has gone.
  const admitted = new WeakMap<Client, Admitted>();
  const connected = new Set<Client>();

  /** @returns why the client may not come in */
  const enter = async (client: Client, username: string, password: string): Promise<AuthenticateError | undefined> => {
    const rights = await admit(username, password);
    if (!rights) return refusal(BAD_USERNAME_OR_PASSWORD, 'the user name or the password is wrong');
    if (!rights.mayConnectAs(client.id)) return refusal(IDENTIFIER_REJECTED, `${username} may not be ${client.id}`);
    if (rights.carId !== undefined && !damping.mayConnect(rights.carId)) {
      return refusal(SERVER_UNAVAILABLE, `${username} is kept away for a minute`);
    }
    admitted.set(client, { rights, username, password });
    return undefined;
  };
  const trespassed = ({ carId }: BrokerRights, what: string): Error => {
    if (carId !== undefined) damping.trespassed(carId, what);
    return new Error(what);
  };

  const aedes = await Aedes.createBroker({
    authenticate: (client, username = '', password = Buffer.alloc(0), done) => {
      const answer = async (): Promise<void> => {
        const refused = await enter(client, username, password.toString('utf8')).catch((cause: unknown) =>
          refusal(SERVER_UNAVAILABLE, messageOf(cause)),
        );
        done(refused ?? null, refused === undefined);
      };
      void answer();
    },
    authorizePublish: (client, { topic }, done) => {
      // The broker itself publishes what it notices below $SYS.
      if (!client) return done();
      const rights = admitted.get(client)?.rights;
      if (!rights) return done(new Error('the client is not admitted'));
      if (!rights.mayPublish(topic)) return done(trespassed(rights, `tried to publish to ${shown(topic)}`));
      const { carId } = rights;
      done(carId === undefined || damping.maySend(carId) ? null : new Error(`${carId} sends too much`));
    },
    authorizeSubscribe: (client, subscription, done) => {
      const rights = admitted.get(client)?.rights;
      if (rights?.maySubscribe(subscription.topic)) return done(null, subscription);
      if (rights) trespassed(rights, `tried to subscribe to ${shown(subscription.topic)}`);
      done(null, null);
    },
  });
  aedes.on('clientReady', (client) => connected.add(client));
  aedes.on('clientDisconnect', (client) => connected.delete(client));
  aedes.on('clientError', (client, error) => logger.warn({ err: error, client: client.id }, 'MQTT client failed'));
  aedes.on('connectionError', (client, error) =>
    logger.warn({ err: error, client: client.id }, 'MQTT refused a client'),
  );

  const admitAgain = async (): Promise<void> => {
    for (const client of connected) {
      const entry = admitted.get(client);
      if (entry?.rights.carId === undefined) continue;
      // When the database is away, a car that was admitted stays.
      const isKnown = await admit(entry.username, entry.password).then(Boolean, () => true);
      if (isKnown) continue;
      logger.info({ vehicleId: entry.rights.carId }, 'a car whose key was withdrawn is cut off from MQTT');
      client.close();
    }
  };
  const timer = setInterval(() => void admitAgain(), ADMITTED_AGAIN_EVERY_MS).unref();

  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    aedes.handle(socket);
  });
  limitConnections(server, options.connections ?? CONNECTION_LIMITS, logger, () => NO_ROOM);
  await listen(server, host, options.port);
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : options.port;
  return {
    url: `mqtt://${host}:${port}`,
    close: async () => {
      clearInterval(timer);
      const closed = new Promise((resolve) => server.close(resolve));
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      // A client that is still shaking hands is not the broker's yet.
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function refusal(returnCode: number, message: string): AuthenticateError {
  return Object.assign(new Error(message), { returnCode });
}

/** A topic in a form that a journal can store, whatever it holds. */
function shown(topic: string): string {
  return JSON.stringify(topic.slice(0, 200));
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(listenError(cause, { host, port })));
    server.listen(port, host, resolve);
  });
}
