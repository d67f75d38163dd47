import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 50;

/** Tries again until `attempt` does not throw. When the signal aborts, rejects with what it threw last. */
export async function pollUntil(attempt: () => Promise<void>, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (signal.aborted) throw error;
      await sleep(POLL_MS, undefined, { signal }).catch(() => {
        throw error;
      });
    }
  }
}
