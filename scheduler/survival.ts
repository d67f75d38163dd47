import { HOUR_MS } from '../domain/durations.ts';
import { at } from './columns.ts';
import { copyOf, kindOfHour, kindOfStated, paceOf, type Habit, type LocalHour, type LocalHourOf } from './habit.ts';

/**
 * How long a car is likely to stay at its plug: a rate of departures by age of the stay, hour of the day and weekend.
 * It is learned in steps, from those who resemble the car to the car itself: a prior for homes or workplaces, the cars
 * of the feeder, how fast this car leaves beside the others, this car's own hours, and how well departures keep to what
 * was stated, at this feeder and by this car. In each step the one before is a gamma prior of the rate, worth a few departures (Gamma-Poisson):
 * few stays move it little, and a car that was never seen is judged as its neighbours are.
 */
export const PLACES = ['home', 'work'] as const;
export type Place = (typeof PLACES)[number];

/** A stay at a plug, and what is known of its like. */
interface StayAtPlug {
  /** Of the car, and of all cars at its feeder. */
  readonly car: Habit;
  readonly site: Habit;
  readonly place: Place;
  readonly pluggedInMs: number;
  /** When the owner said that the car will leave or wants it ready. Evidence only, whose worth is learned too. */
  readonly statedMs: number | undefined;
  readonly localHourOf: LocalHourOf;
}

export interface SurvivalQuestion extends StayAtPlug {
  /** From when on the curve runs: the car is there then. */
  readonly fromMs: number;
  readonly stepMs: number;
  readonly count: number;
}

/** Stays are learned in steps of this length. */
const LEARNING_STEP_MS = HOUR_MS / 4;

/**
 * Departures that the step before is worth. Chosen on one site of recorded stays and judged on others
 * (docs/evaluation.md).
 */
const WEIGHT = { sitePace: 3, site: 1, carPace: 4, car: 1, siteStated: 10, carStated: 5 } as const;

/** Where departures are rare the prior would outweigh a month of a car's own hours, so that it never got to be known. */
const MAX_PRIOR_HOURS = 10;

/** Chance of leaving within the hour by age of the stay in hours; measured, see PRIORS. */
type AgeHazard = readonly (readonly [fromAgeHours: number, hazard: number])[];

/**
 * Measured on published charging records: homes, Norway, 12 residential sites, 35,339 stays, 2018 to 2021; workplaces,
 * ACN Caltech, 3,235 stays, 2020-12 to 2021-09. `byHour` holds for cars that were there at midnight.
 */
const PRIORS: Readonly<
  Record<Place, { readonly byAge: AgeHazard; readonly byHour: Readonly<Record<number, number>> }>
> = {
  home: {
    byAge: [
      [0, 0.07],
      [1, 0.09],
      [4, 0.05],
      [12, 0.1],
    ],
    byHour: {
      0: 0.009,
      1: 0.004,
      2: 0.004,
      3: 0.006,
      4: 0.006,
      5: 0.022,
      6: 0.131,
      7: 0.264,
      8: 0.167,
      9: 0.167,
    },
  },
  work: {
    byAge: [
      [0, 0.35],
      [1, 0.27],
      [2, 0.2],
      [4, 0.25],
      [8, 0.44],
    ],
    byHour: {},
  },
};

/** Probability that the car is still there at the start of each step, from 1 falling. */
export function survivalCurve(question: SurvivalQuestion): number[] {
  const { fromMs, stepMs, count } = question;
  const curve: number[] = [];
  let left = 1;
  for (let step = 0; step < count; step++) {
    curve.push(left);
    left *= Math.exp((-ratesAt(question, fromMs + step * stepMs).asCarStates * stepMs) / HOUR_MS);
  }
  return curve;
}

/** What the car and its site are known to do after one more stay has ended. */
export function learnStay(stay: StayAtPlug & { readonly unpluggedMs: number }): {
  readonly car: Habit;
  readonly site: Habit;
} {
  const { pluggedInMs, unpluggedMs, statedMs, localHourOf } = stay;
  const [car, site] = [copyOf(stay.car), copyOf(stay.site)];
  for (let atMs = pluggedInMs; atMs < unpluggedMs;) {
    const stepEndMs = Math.min(unpluggedMs, atMs + LEARNING_STEP_MS);
    const endMs = statedMs !== undefined && atMs < statedMs ? Math.min(stepEndMs, statedMs) : stepEndMs;
    const hours = (endMs - atMs) / HOUR_MS;
    const departures = endMs === unpluggedMs ? 1 : 0;
    const rates = ratesAt(stay, atMs);
    const kind = kindOfHour(atMs - pluggedInMs, localHourOf(atMs));
    const pace = paceOf(atMs - pluggedInMs);
    for (const habit of [car, site]) {
      add(habit.hours, kind, hours);
      add(habit.departures, kind, departures);
      add(habit.seen, pace, departures);
    }
    add(site.expected, pace, rates.prior * hours);
    add(car.expected, pace, rates.ofSite * hours);
    if (statedMs !== undefined) {
      add(site.expectedByStated, kindOfStated(statedMs - atMs), rates.ofCar * hours);
      add(car.expectedByStated, kindOfStated(statedMs - atMs), rates.asSiteStates * hours);
      for (const habit of [car, site]) add(habit.seenByStated, kindOfStated(statedMs - endMs), departures);
    }
    atMs = endMs;
  }
  return { car, site };
}

/** Weekday mornings fill workplaces; everything else counts as a home, until the feeder's own stays say more. */
export function placeOfArrival({ hour, weekday }: LocalHour): Place {
  return weekday <= 5 && hour >= 6 && hour < 11 ? 'work' : 'home';
}

/** Departures an hour, from the least to the most that is known of the car. */
interface Rates {
  readonly prior: number;
  readonly ofSite: number;
  readonly ofCar: number;
  readonly asSiteStates: number;
  readonly asCarStates: number;
}

function ratesAt({ car, site, place, pluggedInMs, statedMs, localHourOf }: StayAtPlug, atMs: number): Rates {
  const ageMs = Math.max(0, atMs - pluggedInMs);
  const local = localHourOf(atMs);
  const kind = kindOfHour(ageMs, local);
  const pace = paceOf(ageMs);
  const prior = priorRate(place, ageMs, local);
  const ofSite = ownRate(site, kind, prior * factor(WEIGHT.sitePace, site.seen, site.expected, pace), WEIGHT.site);
  const ofCar = ownRate(car, kind, ofSite * factor(WEIGHT.carPace, car.seen, car.expected, pace), WEIGHT.car);
  if (statedMs === undefined) return { prior, ofSite, ofCar, asSiteStates: ofCar, asCarStates: ofCar };
  const stated = kindOfStated(statedMs - atMs);
  const asSiteStates = ofCar * factor(WEIGHT.siteStated, site.seenByStated, site.expectedByStated, stated);
  const asCarStates = asSiteStates * factor(WEIGHT.carStated, car.seenByStated, car.expectedByStated, stated);
  return { prior, ofSite, ofCar, asSiteStates, asCarStates };
}

function priorRate(place: Place, ageMs: number, { hour }: LocalHour): number {
  const { byAge, byHour } = PRIORS[place];
  const ofAge = byAge.findLast(([fromAgeHours]) => ageMs >= fromAgeHours * HOUR_MS)?.[1] ?? 0;
  const wasThereAtMidnight = ageMs >= hour * HOUR_MS;
  return -Math.log(1 - ((wasThereAtMidnight ? byHour[hour] : undefined) ?? ofAge));
}

/** Mean of the rate after what was seen, with a gamma prior around `rate` that is worth `weight` departures. */
function ownRate({ hours, departures }: Habit, kind: number, rate: number, weight: number): number {
  const priorHours = Math.min(weight / rate, MAX_PRIOR_HOURS);
  return (priorHours * rate + at(departures, kind)) / (priorHours + at(hours, kind));
}

/** By how much more than expected was seen, with a gamma prior around 1. */
function factor(weight: number, seen: Float64Array, expected: Float64Array, kind: number): number {
  return (weight + at(seen, kind)) / (weight + at(expected, kind));
}

function add(values: Float64Array, index: number, value: number): void {
  values[index] = at(values, index) + value;
}
