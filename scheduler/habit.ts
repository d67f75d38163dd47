import { HOUR_MS } from '../domain/durations.ts';
import { z } from 'zod';

import { at } from './columns.ts';

/**
 * What ended stays say of how long a car, or the cars of a feeder, stay at the plug: hours of exposure and departures by
 * kind of hour (age of the stay, hour of the day, weekend), and by the time to what the owner stated. Beside them stand
 * the departures that were to be expected, by which it shows who leaves sooner or later than others.
 */
export interface Habit {
  /** By kind of hour, see `kindOfHour`. */
  readonly hours: Float64Array;
  readonly departures: Float64Array;
  /** Young and settled stays, in this order: departures that were expected, and those that were seen. */
  readonly expected: Float64Array;
  readonly seen: Float64Array;
  /** By time to the stated departure, see `kindOfStated`: the same. */
  readonly expectedByStated: Float64Array;
  readonly seenByStated: Float64Array;
}

/** An instant on the wall clock of the plug. Callers know the zone; the planner does not. */
export interface LocalHour {
  /** 0 to 23. */
  readonly hour: number;
  /** Monday is 1, Sunday 7. */
  readonly weekday: number;
}
export type LocalHourOf = (atMs: number) => LocalHour;

/** Ages in hours at which a new kind begins: the hour of the day says more about stays that are older. */
const AGE_EDGES = [0, 1, 2, 3] as const;
const HOURS_OF_DAY = 24;
const KINDS_OF_DAY = 2;
const KINDS = AGE_EDGES.length * HOURS_OF_DAY * KINDS_OF_DAY;
/** Stays older than that are settled: what is over soon is over by then. */
const SETTLED_AGE_HOURS = 3;
const PACES = 2;
/** Hours to the stated departure at which a new kind begins; negative: it has passed. */
const STATED_EDGES = [-4, -1, 0, 0.25, 1, 4] as const;
const STATED_KINDS = STATED_EDGES.length + 1;

export function emptyHabit(): Habit {
  return {
    hours: new Float64Array(KINDS),
    departures: new Float64Array(KINDS),
    expected: new Float64Array(PACES),
    seen: new Float64Array(PACES),
    expectedByStated: new Float64Array(STATED_KINDS),
    seenByStated: new Float64Array(STATED_KINDS),
  };
}

export function kindOfHour(ageMs: number, { hour, weekday }: LocalHour): number {
  const age = Math.min(AGE_EDGES.length - 1, Math.max(0, Math.floor(ageMs / HOUR_MS)));
  return (age * HOURS_OF_DAY + hour) * KINDS_OF_DAY + (weekday >= 6 ? 1 : 0);
}

export function paceOf(ageMs: number): number {
  return ageMs >= SETTLED_AGE_HOURS * HOUR_MS ? 1 : 0;
}

/** The instant of the statement itself counts as after it: most who keep it leave then. */
export function kindOfStated(toStatedMs: number): number {
  const hours = toStatedMs / HOUR_MS;
  let kind = 0;
  while (kind < STATED_EDGES.length && hours > (STATED_EDGES[kind] ?? Infinity)) kind++;
  return kind;
}

export function copyOf(habit: Habit): Habit {
  return {
    hours: habit.hours.slice(),
    departures: habit.departures.slice(),
    expected: habit.expected.slice(),
    seen: habit.seen.slice(),
    expectedByStated: habit.expectedByStated.slice(),
    seenByStated: habit.seenByStated.slice(),
  };
}

/** Numbers by kind, those of kinds that were never met left out: kind, first number, second number, and so on. */
const triples = z.array(z.number().min(0));
const storedSchema = z.object({ version: z.literal(2), kinds: triples, paces: triples, stated: triples });
/** Before version 2: hours and departures by age, hour of the day and kind of day. */
const firstSchema = z.record(z.string(), z.tuple([z.number().min(0), z.number().min(0)]));
const FIRST_KEY = /^([0-3])\/(\d{1,2})\/(week|weekend)$/;
const STORED_DIGITS = 3;

export type StoredHabit = z.infer<typeof storedSchema>;

export function storedHabit(habit: Habit): StoredHabit {
  return {
    version: 2,
    kinds: triplesOf(habit.hours, habit.departures),
    paces: triplesOf(habit.expected, habit.seen),
    stated: triplesOf(habit.expectedByStated, habit.seenByStated),
  };
}

/** What cannot be read is learned anew: a habit is no promise, and without one a car is judged by others. */
export function readHabit(stored: unknown): Habit {
  const habit = emptyHabit();
  const known = storedSchema.safeParse(stored);
  if (known.success) {
    fill(habit.hours, habit.departures, known.data.kinds);
    fill(habit.expected, habit.seen, known.data.paces);
    fill(habit.expectedByStated, habit.seenByStated, known.data.stated);
    return habit;
  }
  for (const [key, [hours, departures]] of Object.entries(firstSchema.safeParse(stored).data ?? {})) {
    const [, age, hour, day] = FIRST_KEY.exec(key) ?? [];
    if (age === undefined || Number(hour) >= HOURS_OF_DAY) continue;
    const kind = kindOfHour(Number(age) * HOUR_MS, { hour: Number(hour), weekday: day === 'weekend' ? 7 : 1 });
    habit.hours[kind] = hours;
    habit.departures[kind] = departures;
  }
  return habit;
}

function triplesOf(first: Float64Array, second: Float64Array): number[] {
  const list: number[] = [];
  for (let kind = 0; kind < first.length; kind++) {
    if (at(first, kind) === 0 && at(second, kind) === 0) continue;
    list.push(kind, ...[first, second].map((values) => Number(at(values, kind).toFixed(STORED_DIGITS))));
  }
  return list;
}

function fill(first: Float64Array, second: Float64Array, list: readonly number[]): void {
  for (let index = 0; index + 2 < list.length; index += 3) {
    const kind = list[index] ?? -1;
    if (kind >= first.length) continue;
    first[kind] = list[index + 1] ?? 0;
    second[kind] = list[index + 2] ?? 0;
  }
}
