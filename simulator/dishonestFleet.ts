import { createHash } from 'node:crypto';

import { seededRandom, type Random } from '../domain/random.ts';
import type { CheckPolicy } from '../domain/trust/checkPolicy.ts';
import { checkShare, type CompareLines } from '../domain/trust/checkShare.ts';
import { judged, NEW_REPUTATION, type Reputation } from '../domain/trust/reputation.ts';

/** How simulated cars lie, with the share of their lines that are false. */
export const LIAR_KINDS = {
  /** Answers of the right form and no sense. */
  invented: 1,
  /** One right answer, given to every line. */
  copied: 0.97,
  /** Answers from a smaller or coarser model; many are the same by chance. */
  'cheaper-model': 0.4,
  /** Longer answers broken off. */
  'early-stop': 0.25,
  /** Now and then a false line among right ones. */
  'few-lines': 0.02,
  /** Right until it is trusted, then as `invented`. */
  sleeper: 1,
} as const satisfies Record<string, number>;
export type LiarKind = keyof typeof LIAR_KINDS;

/** Checks in a row that a sleeper waits for. */
const SLEEPER_WAITS = 30;

export interface DishonestFleet {
  readonly cars: number;
  readonly liarShare: number;
  readonly days: number;
  readonly shardsPerCarAndDay: number;
  readonly linesPerShard: number;
  readonly seed: number;
  readonly policy: CheckPolicy;
}

export interface DayOfTrust {
  readonly lines: number;
  /** False lines in the files as their submitters first had them. */
  readonly wrongDelivered: number;
  /** Of those, the ones that no later correction has mended. */
  readonly wrongForGood: number;
  /** Lines computed for checks, and again since their car was caught, as a share of all lines. */
  readonly overhead: number;
  readonly liarsCaught: number;
  readonly honestQuarantined: number;
}

export interface TrustOutcome {
  readonly days: readonly DayOfTrust[];
  readonly liars: number;
  /** By kind: how many there are, how many were caught, and how many lines they had delivered until then, in the median. */
  readonly kinds: readonly {
    kind: LiarKind;
    cars: number;
    caught: number;
    medianShardsUntilCaught: number | undefined;
  }[];
  /** Checks of honest cars in which some line differed, for each 1,000 of their checks. */
  readonly falseAlarmsPer1000Checks: number;
  readonly honestQuarantined: number;
}

interface Car {
  readonly id: string;
  readonly kind: LiarKind | undefined;
  /** Share of its honest lines that differ from the trusted computer's. */
  readonly difference: number;
  reputation: Reputation;
  quarantined: boolean;
  shards: number;
  /** False lines delivered in batches that have ended. */
  wrongDelivered: number[];
}

/**
 * Lets a fleet answer batches of a day each, with liars among its cars, and checks it by the code that checks real cars.
 * What a caught car has computed of the day's batches is computed again before they end; what it has delivered before
 * that is corrected.
 */
export async function simulateTrust(fleet: DishonestFleet): Promise<TrustOutcome> {
  const random = seededRandom(fleet.seed);
  const lineNumbersOfShard = lineNumbers(fleet.linesPerShard);
  const key = createHash('sha256').update(`trust ${fleet.seed}`).digest();
  const cars = Array.from({ length: fleet.cars }, (_, index) => newCar(fleet, index, random));
  const days: DayOfTrust[] = [];
  let honestChecks = 0;
  let honestAlarms = 0;

  for (let day = 0; day < fleet.days; day += 1) {
    const caughtBefore = count(cars, (car) => car.quarantined && car.kind !== undefined);
    let extraLines = 0;
    let lines = 0;
    const wrongToday = new Map<Car, number>();
    for (let turn = 0; turn < fleet.shardsPerCarAndDay; turn += 1) {
      for (const car of cars) {
        if (car.quarantined) continue;
        lines += fleet.linesPerShard;
        const shard = car.shards;
        car.shards += 1;
        const { wrong, differs } = answersOf(car, fleet.linesPerShard, random);
        const share = { jobId: `day-${day}`, shard, vehicleId: car.id, lines: lineNumbersOfShard };
        const compare: CompareLines = async (asked) => ({
          differing: asked.filter((line) => differs.has(line)),
          tokens: 0,
          divergent: 0,
        });
        const found = await checkShare(key, share, car.reputation, fleet.policy, compare);
        let delivered = wrong.size;
        const looked = found && { checked: found.checked.length, differing: found.differing.length };
        const judgement = looked && judged(car.reputation, looked, fleet.policy);
        if (found && judgement) {
          car.reputation = judgement.reputation;
          extraLines += found.checked.length;
          // The trusted answers stand in the place of those that differ.
          delivered -= found.checked.filter((line) => wrong.has(line)).length;
          if (car.kind === undefined) {
            honestChecks += 1;
            if (judgement.verdict !== 'valid') honestAlarms += 1;
          }
        }
        if (judgement?.verdict === 'guilty') {
          car.quarantined = true;
          // Its work of the day's batches, which still run, is done again.
          extraLines += (turn + 1) * fleet.linesPerShard;
          wrongToday.delete(car);
        } else if (delivered > 0) wrongToday.set(car, (wrongToday.get(car) ?? 0) + delivered);
      }
    }
    for (const [car, wrong] of wrongToday) car.wrongDelivered[day] = wrong;
    days.push({
      lines,
      wrongDelivered: [...wrongToday.values()].reduce((sum, wrong) => sum + wrong, 0),
      wrongForGood: 0,
      overhead: extraLines / lines,
      liarsCaught: count(cars, (car) => car.quarantined && car.kind !== undefined) - caughtBefore,
      honestQuarantined: count(cars, (car) => car.quarantined && car.kind === undefined),
    });
  }
  return {
    days: days.map((each, day) => ({
      ...each,
      wrongForGood: cars.reduce((sum, car) => sum + (car.quarantined ? 0 : (car.wrongDelivered[day] ?? 0)), 0),
    })),
    liars: count(cars, (car) => car.kind !== undefined),
    kinds: liarKinds().map((kind) => summaryOf(kind, cars)),
    falseAlarmsPer1000Checks: honestChecks === 0 ? 0 : (1_000 * honestAlarms) / honestChecks,
    honestQuarantined: count(cars, (car) => car.quarantined && car.kind === undefined),
  };
}

function liarKinds(): LiarKind[] {
  // Object.keys gives string[], of a table whose keys are these.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return Object.keys(LIAR_KINDS) as LiarKind[];
}

function newCar({ cars, liarShare, policy }: DishonestFleet, index: number, random: Random): Car {
  const liars = Math.round(cars * liarShare);
  const kinds = liarKinds();
  return {
    id: `car-${index}`,
    kind: index < liars ? kinds[index % kinds.length] : undefined,
    // Most computers agree with the trusted one to the last line; some only as far as the policy expects.
    difference: random() < 0.8 ? 0 : random() * policy.honest_difference,
    reputation: NEW_REPUTATION,
    quarantined: false,
    shards: 0,
    wrongDelivered: [],
  };
}

/** Which lines of a shard are false, and which differ from what a trusted computer says. */
function answersOf(
  { kind, difference, reputation }: Car,
  lines: number,
  random: Random,
): { readonly wrong: ReadonlySet<number>; readonly differs: ReadonlySet<number> } {
  const isAwake = kind !== 'sleeper' || reputation.validInRow >= SLEEPER_WAITS;
  const falseShare = kind !== undefined && isAwake ? LIAR_KINDS[kind] : 0;
  if (falseShare === 0 && difference === 0) return { wrong: NONE, differs: NONE };
  const wrong = struck(lines, falseShare, random);
  return { wrong, differs: new Set([...wrong, ...struck(lines, difference, random)]) };
}

const NONE: ReadonlySet<number> = new Set();

/** Lines, each with this probability; the gaps between them are drawn, which is quicker where they are rare. */
function struck(lines: number, probability: number, random: Random): ReadonlySet<number> {
  if (probability >= 1) return new Set(lineNumbers(lines));
  const found = new Set<number>();
  const gap = (): number => (probability <= 0 ? lines : Math.floor(Math.log(1 - random()) / Math.log(1 - probability)));
  for (let line = gap(); line < lines; line += 1 + gap()) found.add(line);
  return found;
}

function lineNumbers(lines: number): number[] {
  return Array.from({ length: lines }, (_, line) => line);
}

function summaryOf(kind: LiarKind, cars: readonly Car[]): TrustOutcome['kinds'][number] {
  const own = cars.filter((car) => car.kind === kind);
  const caught = own.filter((car) => car.quarantined);
  const shards = caught.map((car) => car.shards).sort((a, b) => a - b);
  return { kind, cars: own.length, caught: caught.length, medianShardsUntilCaught: shards[shards.length >> 1] };
}

function count<Item>(items: readonly Item[], holds: (item: Item) => boolean): number {
  return items.filter(holds).length;
}
