import type { Server, Socket } from 'node:net';
import type { Logger } from 'pino';

/** How many connections each server of ours holds at once. */
export interface ConnectionLimits {
  readonly max: number;
  /** Of one remote address. */
  readonly maxPerAddress: number;
}

/** No address can take them all; half is enough for a proxy, behind which all callers have one address. */
export const CONNECTION_LIMITS: ConnectionLimits = { max: 4_096, maxPerAddress: 2_048 };

/** A caller that is refused is given this long to read why. */
const REFUSAL_LIMIT_REAL_MS = 1_000;
/** Others that knock meanwhile are closed without a word. */
const MAX_TOLD_AT_ONCE = 64;

/**
 * Refuses connections beyond the limits before anything of them is read: each costs memory and a file descriptor long
 * before its key is known. Call it once all that listens for the server's connections does.
 * @param refusalOf what the server's protocol says to a caller that comes at a bad time; left out: nothing, as inside TLS
 */
export function limitConnections(
  server: Server,
  { max, maxPerAddress }: ConnectionLimits,
  logger: Logger,
  refusalOf?: (why: string) => Buffer,
): void {
  const open = new Map<string, number>();
  const told = new Set<string>();
  let openInAll = 0;
  let toldNow = 0;

  const refuse = (socket: Socket, who: string, why: string): void => {
    // Told when the limit is reached, not for each connection that knocks meanwhile.
    if (!told.has(who)) logger.warn({ from: who, max, maxPerAddress }, why);
    told.add(who);
    socket.on('error', () => undefined);
    if (!refusalOf || toldNow >= MAX_TOLD_AT_ONCE) return void socket.destroy();
    toldNow += 1;
    const timer = setTimeout(() => socket.destroy(), REFUSAL_LIMIT_REAL_MS);
    socket.once('close', () => {
      clearTimeout(timer);
      toldNow -= 1;
    });
    // Closed with something unread, the other side would lose the answer.
    socket.resume();
    socket.end(refusalOf(why));
  };

  const enter = (socket: Socket): boolean => {
    const address = socket.remoteAddress ?? '';
    const ofAddress = open.get(address) ?? 0;
    if (openInAll >= max) {
      refuse(socket, 'all', `${max} connections are open, as many as connections.max allows. Try again later.`);
      return false;
    }
    if (ofAddress >= maxPerAddress) {
      const why = `${maxPerAddress} connections of ${address} are open, as many as connections.maxPerAddress allows.`;
      refuse(socket, address, why);
      return false;
    }
    openInAll += 1;
    open.set(address, ofAddress + 1);
    socket.once('close', () => {
      openInAll -= 1;
      told.delete('all');
      told.delete(address);
      const left = (open.get(address) ?? 1) - 1;
      if (left > 0) open.set(address, left);
      else open.delete(address);
    });
    return true;
  };

  const listeners = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    if (!enter(socket)) return;
    for (const listener of listeners) listener.call(server, socket);
  });
}

/** Says over HTTP/1.1 why a connection is refused. */
export function httpRefusal(why: string): Buffer {
  const error = { message: why, type: 'server_error', param: null, code: 'unavailable' };
  const body = JSON.stringify({ error });
  return Buffer.from(
    'HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nconnection: close\r\nretry-after: 5\r\n' +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
