import { MINUTE_MS } from '../../domain/durations.ts';
import type { KeyedCar } from '../../store/carKeys.ts';

/** A withdrawn key works on for this long at most; a busy one costs no query a call. */
const KEPT_REAL_MS = 2_000;
/** How long cars go on while the database does not answer. */
const KEPT_IN_OUTAGE_REAL_MS = MINUTE_MS;
const MAX_KEPT = 50_000;

interface Known {
  readonly car: KeyedCar | undefined;
  readonly readRealMs: number;
}

/** Finds out whose key it is, and remembers it for a moment. @throws what `carOfKey` throws, after a minute of it */
export function createKeyring(
  carOfKey: (key: string) => Promise<KeyedCar | undefined>,
  now: () => number,
): (key: string) => Promise<KeyedCar | undefined> {
  const known = new Map<string, Known>();
  const reading = new Map<string, Promise<Known>>();

  const read = async (key: string): Promise<Known> => {
    const found = { car: await carOfKey(key), readRealMs: now() };
    if (known.size >= MAX_KEPT) known.clear();
    known.set(key, found);
    return found;
  };

  return async (key) => {
    const kept = known.get(key);
    if (kept && now() - kept.readRealMs <= KEPT_REAL_MS) return kept.car;
    // Calls that come together cost one query.
    const running = reading.get(key) ?? read(key).finally(() => reading.delete(key));
    reading.set(key, running);
    try {
      return (await running).car;
    } catch (error) {
      if (kept && now() - kept.readRealMs <= KEPT_IN_OUTAGE_REAL_MS) return kept.car;
      throw error;
    }
  };
}
