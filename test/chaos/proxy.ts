import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export type ProxyState = 'open' | 'refuse' | 'silence';

type Pair = readonly [near: Socket, far: Socket];

/** Stands before a server of this machine, so that its clients can be cut off from it. */
export interface Proxy {
  readonly port: number;
  set(state: ProxyState): void;
  close(): Promise<void>;
}

/** @param targetPort of the server, on 127.0.0.1; it need not listen yet */
export async function startProxy(targetPort: number): Promise<Proxy> {
  const pairs = new Set<Pair>();
  let state: ProxyState = 'open';

  const server = createServer((near) => {
    if (state === 'refuse') {
      near.destroy();
      return;
    }
    const pair = [near, connect({ host: '127.0.0.1', port: targetPort })] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      for (const socket of pair) socket.destroy();
    };
    for (const socket of pair) {
      socket.on('error', end);
      socket.on('close', end);
    }
    if (state === 'open') flow(pair);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');

  const breakAll = (): void => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  };
  return {
    port: address.port,
    set(next) {
      if (next === 'refuse') breakAll();
      // What was sent meanwhile waits in the sockets, and arrives when they flow again.
      if (next === 'silence') for (const pair of pairs) for (const socket of pair) socket.unpipe();
      if (next === 'open' && state === 'silence') for (const pair of pairs) flow(pair);
      state = next;
    },
    async close() {
      breakAll();
      server.close();
      await once(server, 'close');
    },
  };
}

function flow([near, far]: Pair): void {
  near.pipe(far);
  far.pipe(near);
}
