import { createServer, type Server, type Socket } from 'node:net';

import { Aedes } from 'aedes';
import type { Logger } from 'pino';

import { NightshiftError } from '../../domain/errors.ts';

export interface Broker {
  readonly url: string;
  /** Cuts every client off and closes; retained messages are gone. */
  close(): Promise<void>;
}

/**
 * An MQTT 3.1.1 broker in this process; port 0 takes a free one. Retained messages and the sessions of clients live
 * in memory: whoever connects after a restart is told again by those who publish.
 * @throws NightshiftError `port_in_use`
 */
export async function startBroker(options: { host: string; port: number; logger: Logger }): Promise<Broker> {
  const { host, logger } = options;
  const aedes = await Aedes.createBroker();
  aedes.on('clientError', (client, error) => logger.warn({ err: error, client: client.id }, 'MQTT client failed'));
  aedes.on('connectionError', (client, error) =>
    logger.warn({ err: error, client: client.id }, 'MQTT refused a client'),
  );

  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    aedes.handle(socket);
  });
  await listen(server, host, options.port);
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : options.port;
  return {
    url: `mqtt://${host}:${port}`,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      // A client that is still shaking hands is not the broker's yet.
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const isInUse = cause.code === 'EADDRINUSE';
      reject(isInUse ? new NightshiftError('port_in_use', `Port ${port} on ${host} is in use.`, { cause }) : cause);
    });
    server.listen(port, host, resolve);
  });
}
