import { DateTime } from 'luxon';

import type { Stay } from './traces/sessions.ts';

const HOUR_MS = 3_600_000;
/** A stay is overnight when it covers this hour of the local clock. */
const NIGHT_HOUR = 3;
const DEFAULT_READY_BY = '07:00';
/** Earlier stays of the user that a habit needs. */
const LEAST_OVERNIGHTS = 5;
const LEAST_STAYS = 20;
/** An owner names the time before which the car leaves only on one day in ten. */
const EARLY_DEPARTURE_QUANTILE = 0.1;
const BUCKET_HOURS = 4;

/**
 * What is known of users from stays that have ended: nothing here looks ahead. A user's ready-by is the time of day
 * before which earlier nights ended in one case of ten; the survival curve counts earlier stays that began at a
 * similar time of day, the user's own where there are enough of them, else everybody's.
 */
export class Habits {
  readonly #timeZone: string;
  /** Minutes of the local day at which overnight stays ended, ascending, by user. */
  readonly #departures = new Map<string, number[]>();
  /** Hours of stays, ascending, by user and hour of arrival and by hour of arrival alone. */
  readonly #hours = new Map<string, number[]>();

  constructor(timeZone: string) {
    this.#timeZone = timeZone;
  }

  /** Adds a stay that has ended. */
  learn(stay: Stay): void {
    const hours = (stay.pluggedOutMs - stay.pluggedInMs) / HOUR_MS;
    for (const key of this.#keysOf(stay)) insert(this.#hours, key, hours);
    const leaves = DateTime.fromMillis(stay.pluggedOutMs, { zone: this.#timeZone });
    if (stay.pluggedInMs <= leaves.set({ hour: NIGHT_HOUR }).startOf('hour').toMillis() && leaves.hour >= NIGHT_HOUR) {
      insert(this.#departures, stay.userId, leaves.hour * 60 + leaves.minute);
    }
  }

  /** The ready-by that the user would have stated, `HH:MM` on the local clock. */
  readyBy(userId: string): string {
    const departures = this.#departures.get(userId) ?? [];
    if (departures.length < LEAST_OVERNIGHTS) return DEFAULT_READY_BY;
    const minute = departures[Math.floor(departures.length * EARLY_DEPARTURE_QUANTILE)] ?? 0;
    const [hours, minutes] = [Math.floor(minute / 60), minute % 60];
    return `${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`;
  }

  /**
   * Probability that a car which is plugged in at `nowMs` is still there after each of `count` steps, from 1 falling.
   * One imagined stay without end keeps it above 0.
   */
  survival(stay: Pick<Stay, 'userId' | 'pluggedInMs'>, nowMs: number, stepMs: number, count: number): number[] {
    const own = this.#keysOf(stay)
      .map((key) => this.#hours.get(key) ?? [])
      .find((hours) => hours.length >= LEAST_STAYS);
    const hours = own ?? [];
    const ageHours = (nowMs - stay.pluggedInMs) / HOUR_MS;
    const lasting = (age: number): number => hours.length - countUpTo(hours, age) + 1;
    const now = lasting(ageHours);
    return Array.from({ length: count }, (_, step) => lasting(ageHours + (step * stepMs) / HOUR_MS) / now);
  }

  #keysOf({ userId, pluggedInMs }: Pick<Stay, 'userId' | 'pluggedInMs'>): string[] {
    const { hour } = DateTime.fromMillis(pluggedInMs, { zone: this.#timeZone });
    const bucket = Math.floor(hour / BUCKET_HOURS);
    return [`${bucket} ${userId}`, `${bucket}`];
  }
}

function insert(lists: Map<string, number[]>, key: string, value: number): void {
  const list = lists.get(key);
  if (list) list.splice(countUpTo(list, value), 0, value);
  else lists.set(key, [value]);
}

/** How many of the ascending values are at most `value`. */
function countUpTo(ascending: readonly number[], value: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? Infinity) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
