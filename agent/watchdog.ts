import { execFile } from 'node:child_process';
import type { Logger } from 'pino';

const MICROSECONDS_PER_MS = 1_000;

export interface ServiceManager {
  /** Says that the service is up, and from then on that it lives. */
  ready(): void;
  stopping(): void;
}

/**
 * Speaks to systemd where it has started us, by `systemd-notify`, since Node has no datagram sockets of Unix. The unit
 * needs `NotifyAccess=all`. What its watchdog so watches is that this process's event loop turns.
 */
export function serviceManagerOf(env: NodeJS.ProcessEnv, log: Logger): ServiceManager {
  if (!env['NOTIFY_SOCKET']) return { ready: () => {}, stopping: () => {} };
  let told = false;
  const notify = (...states: string[]): void => {
    execFile('systemd-notify', states, (error) => {
      if (error && !told) log.warn({ err: error }, 'systemd cannot be notified');
      if (error) told = true;
    });
  };
  let timer: NodeJS.Timeout | undefined;
  return {
    ready: () => {
      notify('--ready');
      const limitMs = Number(env['WATCHDOG_USEC'] ?? 0) / MICROSECONDS_PER_MS;
      if (limitMs > 0) timer = setInterval(() => notify('WATCHDOG=1'), limitMs / 3);
    },
    stopping: () => {
      clearInterval(timer);
      notify('STOPPING=1');
    },
  };
}
