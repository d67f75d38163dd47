import type { Server, Socket } from 'node:net';

import type { Logger } from 'pino';

/**
 * Closes connections beyond `most` of one remote address before anything of them is read: each costs memory and a file
 * descriptor long before its key is known. Call it before others listen for connections.
 */
export function limitPerAddress(server: Server, most: number, logger: Logger): void {
  const open = new Map<string, number>();
  server.prependListener('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    const count = (open.get(address) ?? 0) + 1;
    open.set(address, count);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left > 0) open.set(address, left);
      else open.delete(address);
    });
    if (count <= most) return;
    // Told when the limit is reached, not for each connection that knocks meanwhile.
    if (count === most + 1) logger.warn({ address, connections: most }, 'an address has too many connections');
    socket.destroy();
  });
}
