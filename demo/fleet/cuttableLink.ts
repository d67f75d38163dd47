import { connect, createServer, type Socket } from 'node:net';
import type { OpenSlice } from '../../car/shard/ports.ts';

/**
 * A car's own way to the world: its TCP connections to the Temporal server go through it, and so do its objects. Cut,
 * it drops what is open and lets nothing new through, as a car without coverage.
 */
export interface CuttableLink {
  /** host:port that stands for the server. */
  readonly address: string;
  readonly openSlice: OpenSlice;
  setUp(up: boolean): void;
  close(): Promise<void>;
}

/** @param target host:port of the Temporal server */
export async function openCuttableLink(target: string, openSlice: OpenSlice): Promise<CuttableLink> {
  const [host, port] = splitAddress(target);
  const sockets = new Set<Socket>();
  let up = true;
  const server = createServer((near) => {
    if (!up) {
      near.destroy();
      return;
    }
    const far = connect({ host, port });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const listening = server.address();
  if (listening === null || typeof listening === 'string') throw new Error('the link has no port');

  const covered = <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) => {
    return async (...args: Args): Promise<Result> => {
      if (!up) throw new Error('no coverage');
      return call(...args);
    };
  };
  return {
    address: `127.0.0.1:${listening.port}`,
    openSlice: (access) => {
      const objects = openSlice(access);
      return {
        put: covered((key, body) => objects.put(key, body)),
        get: covered((key) => objects.get(key)),
        getStream: covered((key, fromByte) => objects.getStream(key, fromByte)),
        list: covered((prefix) => objects.list(prefix)),
      };
    },
    setUp(isUp) {
      up = isUp;
      if (!up) for (const socket of sockets) socket.destroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function splitAddress(address: string): [host: string, port: number] {
  const colon = address.lastIndexOf(':');
  return [address.slice(0, colon), Number(address.slice(colon + 1))];
}
