import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Looks again and again until `look` gives something else than undefined.
 * @throws Error that names what did not happen, with the last failure, after `limitMs`
 */
export async function eventually<Found>(
  what: string,
  limitMs: number,
  look: () => Promise<Found | undefined>,
): Promise<Found> {
  const giveUpAt = Date.now() + limitMs;
  let failure: unknown;
  while (Date.now() < giveUpAt) {
    try {
      const found = await look();
      if (found !== undefined) return found;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    await sleep(50);
  }
  throw new Error(`${what}: not within ${limitMs} ms`, { cause: failure });
}
