/**
 * How long a car is likely to stay at its plug, learned from its own stays. A departure has a chance in every hour that
 * depends on the age of the stay, the hour of the day and whether it is a weekend; a prior for homes or workplaces
 * counts as some hours that were seen already, so a car with few stays behaves like all others.
 */
export const PLACES = ['home', 'work'] as const;
export type Place = (typeof PLACES)[number];

/** An instant on the wall clock of the plug. Callers know the zone; the planner does not. */
export interface LocalHour {
  /** 0 to 23. */
  readonly hour: number;
  /** Monday is 1, Sunday 7. */
  readonly weekday: number;
}
export type LocalHourOf = (atMs: number) => LocalHour;

/** Hours that were begun at the plug, and those of them in which the car left, by kind of hour: age, hour of day, weekend. */
export type Habit = Readonly<Record<string, readonly [begun: number, departures: number]>>;

export interface SurvivalQuestion {
  readonly habit: Habit;
  readonly place: Place;
  readonly pluggedInMs: number;
  /** From when on the curve runs: the car is there then. */
  readonly fromMs: number;
  readonly stepMs: number;
  readonly count: number;
  readonly localHourOf: LocalHourOf;
}

const HOUR_MS = 3_600_000;
/** Hours of plug time of one kind that the prior weighs. Chosen on recorded stays: `npm run bench:drive-away`. */
const PRIOR_HOURS = 4;

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
/** Ages from here on are one kind: the hour of the day says more then. */
const SETTLED_AGE_HOURS = 3;

/** The habit with one stay more, from plug-in to departure. */
export function learnStay(
  habit: Habit,
  stay: { readonly pluggedInMs: number; readonly unpluggedMs: number },
  localHourOf: LocalHourOf,
): Habit {
  const learned: Record<string, readonly [number, number]> = { ...habit };
  for (let atMs = stay.pluggedInMs; atMs < stay.unpluggedMs; atMs += HOUR_MS) {
    const key = kindOf(stay.pluggedInMs, atMs, localHourOf);
    const [hours, departures] = learned[key] ?? [0, 0];
    const leftMs = stay.unpluggedMs - atMs;
    learned[key] = [hours + 1, departures + (leftMs <= HOUR_MS ? 1 : 0)];
  }
  return learned;
}

/** Probability that the car is still there at the start of each step, from 1 falling. */
export function survivalCurve(question: SurvivalQuestion): number[] {
  const { fromMs, stepMs, count } = question;
  const curve: number[] = [];
  let left = 1;
  let hazard = 0;
  let hazardUntilMs = -Infinity;
  for (let step = 0; step < count; step++) {
    curve.push(left);
    const atMs = fromMs + step * stepMs;
    if (atMs >= hazardUntilMs) {
      hazard = hazardAt(question, atMs);
      hazardUntilMs = (Math.floor(atMs / HOUR_MS) + 1) * HOUR_MS;
    }
    left *= (1 - hazard) ** (stepMs / HOUR_MS);
  }
  return curve;
}

/** Weekday mornings fill workplaces; everything else counts as a home. An assumption, until owners say where the plug is. */
export function placeOfArrival({ hour, weekday }: LocalHour): Place {
  return weekday <= 5 && hour >= 6 && hour < 11 ? 'work' : 'home';
}

function hazardAt({ habit, place, pluggedInMs, localHourOf }: SurvivalQuestion, atMs: number): number {
  const { byAge, byHour } = PRIORS[place];
  const ageHours = Math.max(0, (atMs - pluggedInMs) / HOUR_MS);
  const ofAge = byAge.findLast(([fromAgeHours]) => ageHours >= fromAgeHours)?.[1] ?? 0;
  const prior = byHour[localHourOf(atMs).hour] ?? ofAge;
  const [hours, departures] = habit[kindOf(pluggedInMs, atMs, localHourOf)] ?? [0, 0];
  return (PRIOR_HOURS * prior + departures) / (PRIOR_HOURS + hours);
}

function kindOf(pluggedInMs: number, atMs: number, localHourOf: LocalHourOf): string {
  const { hour, weekday } = localHourOf(atMs);
  const age = Math.min(SETTLED_AGE_HOURS, Math.max(0, Math.floor((atMs - pluggedInMs) / HOUR_MS)));
  return `${age}/${hour}/${weekday >= 6 ? 'weekend' : 'week'}`;
}
