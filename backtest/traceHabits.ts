import { localHour } from '../domain/localHour.ts';
import { emptyHabit, type Habit } from '../scheduler/habit.ts';
import { learnStay, placeOfArrival } from '../scheduler/survival.ts';
import type { PromisedStay } from './scenario.ts';

/** How long users and sites stay, from stays that have ended; what a cell keeps in its tables. */
export class TraceHabits {
  readonly users = new Map<string, Habit>();
  readonly sites = new Map<string, Habit>();
  readonly #timeZone: string;

  constructor(timeZone: string) {
    this.#timeZone = timeZone;
  }

  /** Adds a stay that has ended. */
  learn({ userId, siteId, pluggedInMs, pluggedOutMs, readyByMs }: PromisedStay): void {
    const localHourOf = (atMs: number) => localHour(this.#timeZone, atMs);
    const { car, site } = learnStay({
      car: this.users.get(userId) ?? emptyHabit(),
      site: this.sites.get(siteId) ?? emptyHabit(),
      place: placeOfArrival(localHourOf(pluggedInMs)),
      pluggedInMs,
      unpluggedMs: pluggedOutMs,
      statedMs: readyByMs,
      localHourOf,
    });
    this.users.set(userId, car);
    this.sites.set(siteId, site);
  }
}
