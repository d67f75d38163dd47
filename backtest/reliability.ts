import { HOUR_MS } from '../domain/durations.ts';
import { localHour } from '../domain/localHour.ts';
import { emptyHabit } from '../scheduler/habit.ts';
import { placeOfArrival, survivalCurve } from '../scheduler/survival.ts';
import type { PromisedStay } from './scenario.ts';
import { TraceHabits } from './traceHabits.ts';

/** Questions with about the same answer, and what came true. */
export interface ReliabilityBin {
  readonly asked: number;
  /** Mean of the probabilities that were said. */
  readonly said: number;
  /** Part of the cars that were still there. */
  readonly seen: number;
}

export interface Reliability {
  /** By horizon: mean squared error of the probability, and that of always saying what is true of all. */
  readonly brier: readonly { readonly hours: number; readonly model: number; readonly climate: number }[];
  readonly bins: readonly ReliabilityBin[];
}

const ASKED_EVERY_MS = 2 * HOUR_MS;
const STEPS_PER_HOUR = 4;
const HORIZON_HOURS = [0.5, 1, 2, 4, 8, 12] as const;
const BINS = 10;

/**
 * Asks every second hour of every stay whether the car is still there some hours later, of a model that knows only the
 * stays that have ended before.
 * @param stays ascending by plug-in
 * @param fromMs stays that begin earlier are learned from and not judged
 */
export function reliabilityOf(stays: readonly PromisedStay[], fromMs: number, timeZone: string): Reliability {
  const habits = new TraceHabits(timeZone);
  const localHourOf = (atMs: number) => localHour(timeZone, atMs);
  const ended = stays.toSorted((a, b) => a.pluggedOutMs - b.pluggedOutMs);
  const sums = HORIZON_HOURS.map(() => ({ asked: 0, squared: 0, there: 0 }));
  const bins = Array.from({ length: BINS }, () => ({ asked: 0, said: 0, there: 0 }));
  let learned = 0;
  for (const stay of stays) {
    for (let next = ended[learned]; next && next.pluggedOutMs <= stay.pluggedInMs; next = ended[++learned])
      habits.learn(next);
    if (stay.pluggedInMs < fromMs) continue;
    for (let askedMs = stay.pluggedInMs; askedMs < stay.pluggedOutMs; askedMs += ASKED_EVERY_MS) {
      const curve = survivalCurve({
        car: habits.users.get(stay.userId) ?? emptyHabit(),
        site: habits.sites.get(stay.siteId) ?? emptyHabit(),
        place: placeOfArrival(localHourOf(stay.pluggedInMs)),
        pluggedInMs: stay.pluggedInMs,
        statedMs: stay.readyByMs,
        fromMs: askedMs,
        stepMs: HOUR_MS / STEPS_PER_HOUR,
        count: Math.max(...HORIZON_HOURS) * STEPS_PER_HOUR + 1,
        localHourOf,
      });
      for (const [index, hours] of HORIZON_HOURS.entries()) {
        const said = curve[hours * STEPS_PER_HOUR] ?? 0;
        const there = askedMs + hours * HOUR_MS < stay.pluggedOutMs ? 1 : 0;
        const [sum, bin] = [sums[index], bins[Math.min(BINS - 1, Math.floor(said * BINS))]];
        if (!sum || !bin) continue;
        sum.asked++;
        sum.squared += (said - there) ** 2;
        sum.there += there;
        bin.asked++;
        bin.said += said;
        bin.there += there;
      }
    }
  }
  return {
    brier: sums.map(({ asked, squared, there }, index) => ({
      hours: HORIZON_HOURS[index] ?? 0,
      model: squared / asked,
      climate: (there / asked) * (1 - there / asked),
    })),
    bins: bins
      .filter(({ asked }) => asked > 0)
      .map(({ asked, said, there }) => ({ asked, said: said / asked, seen: there / asked })),
  };
}
