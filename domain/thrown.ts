import { NightshiftError } from './errors.ts';

/** The message of whatever was thrown; of a fetch that failed, why it did, which only its cause tells. */
export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  if (thrown.message === 'fetch failed' && thrown.cause instanceof Error) return messageOf(thrown.cause);
  // Where several addresses were tried, the error of all of them has a code and no message.
  return thrown.message || (codeOf(thrown) ?? thrown.name);
}

/** The system's code (`ENOENT`, `EADDRINUSE`, …) of whatever was thrown, if it has one. */
export function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : undefined;
}

/** What is thrown when listening fails: `port_in_use` when another program listens there, else the cause itself. */
export function listenError(cause: Error, { host, port }: { readonly host: string; readonly port: number }): Error {
  // gRPC has no code, only the text of it.
  const isInUse = codeOf(cause) === 'EADDRINUSE' || cause.message.includes('EADDRINUSE');
  return isInUse ? new NightshiftError('port_in_use', `Port ${port} on ${host} is in use.`, { cause }) : cause;
}
