import { DateTime } from 'luxon';

import { nextReadyByMs } from '../domain/readyBy.ts';
import type { Stay } from './traces/sessions.ts';

/** A stay is overnight when it covers this hour of the local clock. */
const NIGHT_HOUR = 3;
const DEFAULT_READY_BY = '07:00';
/** Earlier nights of the user that a habit needs. */
const MIN_OVERNIGHTS = 5;
/** An owner names the time before which the car leaves only on one day in ten. */
const EARLY_DEPARTURE_QUANTILE = 0.1;

/**
 * What owners would state at plug-in, from stays that have ended: the time of day before which their earlier nights
 * ended in one case of ten. Nothing here looks ahead.
 */
export class StatedReadyBy {
  readonly #timeZone: string;
  /** Minutes of the local day at which overnight stays ended, ascending, by user. */
  readonly #departures = new Map<string, number[]>();

  constructor(timeZone: string) {
    this.#timeZone = timeZone;
  }

  /** Adds a stay that has ended. */
  learn({ userId, pluggedInMs, pluggedOutMs }: Stay): void {
    const leaves = DateTime.fromMillis(pluggedOutMs, { zone: this.#timeZone });
    if (pluggedInMs > leaves.set({ hour: NIGHT_HOUR }).startOf('hour').toMillis() || leaves.hour < NIGHT_HOUR) return;
    const minutes = this.#departures.get(userId) ?? [];
    minutes.push(leaves.hour * 60 + leaves.minute);
    this.#departures.set(
      userId,
      minutes.sort((a, b) => a - b),
    );
  }

  /** Grid time. */
  nextMs({ userId, pluggedInMs }: Pick<Stay, 'userId' | 'pluggedInMs'>): number {
    return nextReadyByMs({ readyBy: this.#timeOfDay(userId), timeZone: this.#timeZone }, pluggedInMs);
  }

  /** `HH:MM` on the local clock. */
  #timeOfDay(userId: string): string {
    const departures = this.#departures.get(userId) ?? [];
    if (departures.length < MIN_OVERNIGHTS) return DEFAULT_READY_BY;
    const minute = departures[Math.floor(departures.length * EARLY_DEPARTURE_QUANTILE)] ?? 0;
    const [hours, minutes] = [Math.floor(minute / 60), minute % 60];
    return `${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`;
  }
}

/**
 * When each stay's owner says that it ends.
 * @param earlier stays that ended before the first of `stays`
 * @param stays ascending by plug-in
 */
export function statedReadyBys(earlier: readonly Stay[], stays: readonly Stay[], timeZone: string): number[] {
  const stated = new StatedReadyBy(timeZone);
  for (const stay of earlier) stated.learn(stay);
  const ended = stays.toSorted((a, b) => a.pluggedOutMs - b.pluggedOutMs);
  let learnt = 0;
  return stays.map((stay) => {
    for (let next = ended[learnt]; next && next.pluggedOutMs <= stay.pluggedInMs; next = ended[++learnt])
      stated.learn(next);
    return stated.nextMs(stay);
  });
}
