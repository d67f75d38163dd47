import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 50;

/** Tries again until `attempt` does not throw. Rejects with the signal's reason when that aborts. */
export async function pollUntil(attempt: () => Promise<void>, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch {
      await sleep(POLL_MS, undefined, { signal });
    }
  }
}
