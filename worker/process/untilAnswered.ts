import { setTimeout as sleep } from 'node:timers/promises';
import { MINUTE_MS } from '../../domain/durations.ts';
import { NightshiftError } from '../../domain/errors.ts';

const RETRY_EVERY_MS = 250;
const GIVE_UP_AFTER_MS = MINUTE_MS;

/**
 * Tries until the other part answers: the processes of a stack start side by side, and come back in any order.
 * @throws NightshiftError `unavailable` with the last failure, after a minute
 */
export async function untilAnswered<Result>(part: string, attempt: () => Promise<Result>): Promise<Result> {
  const giveUpAt = Date.now() + GIVE_UP_AFTER_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (cause) {
      if (Date.now() > giveUpAt) throw new NightshiftError('unavailable', `${part} does not answer`, { cause });
      await sleep(RETRY_EVERY_MS);
    }
  }
}
