import type { PlanningProblemInput } from './problem.ts';
import { seededRandom } from '../domain/random.ts';

export interface RandomProblemOptions {
  readonly cars: number;
  readonly slots: number;
  readonly feeders: number;
  readonly jobs: number;
  readonly seed: number;
  /** Cars' share of the charger power that a feeder lets through at once; lower binds harder. Default 0.25. */
  readonly feederShare?: number;
  /** Mean temperature of the night; above 20 °C the overhead at the plug varies by slot. Default 12. */
  readonly meanCelsius?: number;
}

type CarInput = PlanningProblemInput['cars'][number];
type JobInput = NonNullable<PlanningProblemInput['jobs']>[number];

const CLASSES = [
  { id: 'hw3', chipKw: 0.072, shardMinutes: 30 },
  { id: 'ai4', chipKw: 0.16, shardMinutes: 15 },
  { id: 'ai5', chipKw: 0.8, shardMinutes: 5 },
] as const;

/**
 * A made-up but plausible night from 16:00 on: two regions, prices with an evening and a morning peak, most cars home
 * between 16 and 21 h and away from 6 to 9 h, three charger sizes, three hardware classes. Shapes and sizes are made up
 * by us; backtests on recorded nights are in docs/evaluation.md.
 * @returns the same problem for the same options, as `planningProblemSchema` accepts it
 */
export function randomProblem(options: RandomProblemOptions): PlanningProblemInput {
  const random = seededRandom(options.seed);
  const { slots } = options;
  const regionIds = ['north', 'south'].slice(0, options.feeders > 1 ? 2 : 1);
  const cars = Array.from({ length: options.cars }, (_, index) =>
    randomCar(random, index, `feeder-${index % options.feeders}`, slots),
  );
  const chargerKw = new Map<string, number>();
  for (const car of cars) chargerKw.set(car.feederId, (chargerKw.get(car.feederId) ?? 0) + car.chargerMaxKw);
  return {
    slots: { startMs: Date.UTC(2026, 0, 12, 16), slotMinutes: 15, count: slots },
    regions: regionIds.map((id, region) => ({
      id,
      priceEurPerKwh: series(slots, (t) => priceAt(hourOf(t), region) + 0.01 * random()),
      carbonGPerKwh: series(slots, (t) => 320 + 900 * (priceAt(hourOf(t), region) - 0.2) + 20 * random()),
      ambientCelsius: series(
        slots,
        (t) => (options.meanCelsius ?? 12) + 5 * Math.cos(((hourOf(t) - 15) / 24) * 2 * Math.PI),
      ),
    })),
    feeders: Array.from({ length: options.feeders }, (_, index) => {
      const share = (chargerKw.get(`feeder-${index}`) ?? 11) * (options.feederShare ?? 0.25);
      const house = series(slots, (t) => share * (0.2 + 0.3 * Math.max(0, Math.cos(hoursFrom(19, hourOf(t)) / 3))));
      return {
        id: `feeder-${index}`,
        regionId: regionIds[index % regionIds.length] ?? 'north',
        importLimitKw: series(slots, () => 1.4 * share),
        failSafeImportKw: round(share / 2),
        houseLoadKw: house,
      };
    }),
    hardwareClasses: CLASSES.map(({ id, chipKw }) => ({ id, chipKw })),
    cars,
    jobs: Array.from({ length: options.jobs }, (_, index) => randomJob(random, index, options, regionIds)),
    weights: { carbonEurPerKg: 0.1 },
  };
}

function randomCar(random: () => number, index: number, feederId: string, slots: number): CarInput {
  const charger = pick(random, [
    { maxKw: 3.7, minKw: 1.38 },
    { maxKw: 7.4, minKw: 1.38 },
    { maxKw: 11, minKw: 4.14 },
  ]);
  const from = Math.floor(random() * random() * Math.max(1, slots * 0.4));
  const until = Math.max(from + 1, slots - Math.floor(random() * slots * 0.35));
  const readyBy = Math.max(from + 1, until - Math.floor(random() * 4));
  const efficiency = 0.89;
  const mostKwh = (readyBy - from) * 0.25 * charger.maxKw * efficiency;
  const needKwh = random() < 0.1 ? 0 : round(Math.min(8 + 22 * random(), 0.9 * mostKwh));
  const leaveFrom = Math.max(1, until - from - 8);
  return {
    id: `car-${index}`,
    feederId,
    hardwareClass: pick(random, CLASSES).id,
    pluggedFromSlot: from,
    untilSlot: until,
    readyBySlot: readyBy,
    survival: Array.from({ length: until - from }, (_, k) => round(0.999 ** k * 0.95 ** Math.max(0, k - leaveFrom))),
    chargerMaxKw: charger.maxKw,
    chargerMinKw: charger.minKw,
    chargerEfficiency: efficiency,
    needKwh,
    minimumNeedKwh: random() < 0.05 ? round(needKwh / 4) : 0,
    computeFloorNeedKwh: random() < 0.05 ? round(needKwh / 3) : 0,
    computeOptIn: random() < 0.9,
    asleep: random() < 0.3,
    wakeCostEur: 0.02,
  };
}

function randomJob(
  random: () => number,
  index: number,
  options: RandomProblemOptions,
  regionIds: readonly string[],
): JobInput {
  const start = Math.floor(random() * options.slots * 0.3);
  const end = options.slots - Math.floor(random() * options.slots * 0.3);
  // About a tenth of what the fleet could do, over all jobs.
  const fleetShards = options.cars * (options.slots / 4) * 2;
  const shards = Math.ceil(((0.05 + 0.1 * random()) * fleetShards) / Math.max(1, options.jobs));
  const classes = random() < 0.3 ? CLASSES.slice(1) : CLASSES;
  return {
    id: `job-${index}`,
    shardsRemaining: shards,
    classes: classes.map(({ id, shardMinutes }) => ({ hardwareClass: id, shardMinutes })),
    regionIds: random() < 0.3 ? regionIds.slice(0, 1) : [...regionIds],
    windowStartSlot: start,
    windowEndSlot: Math.max(start + 1, end),
    priority: Math.floor(random() * 10),
  };
}

function hourOf(slot: number): number {
  return (16 + slot / 4) % 24;
}

/** Signed hours from one hour of the day to another, the short way round. */
function hoursFrom(from: number, to: number): number {
  return ((to - from + 36) % 24) - 12;
}

function priceAt(hour: number, region: number): number {
  const evening = Math.exp(-(((hour - 18.5) / 2.5) ** 2));
  const morning = Math.exp(-(((hour - 7.5) / 1.5) ** 2));
  const solar = Math.exp(-(((hour - 13) / 3) ** 2));
  return 0.2 + 0.16 * evening + 0.1 * morning - 0.12 * solar + 0.02 * region * Math.sin(hour);
}

function series(slots: number, value: (slot: number) => number): number[] {
  return Array.from({ length: slots }, (_, slot) => round(value(slot)));
}

function pick<First, Rest extends readonly unknown[]>(
  random: () => number,
  items: readonly [First, ...Rest],
): First | Rest[number] {
  return items[Math.floor(random() * items.length)] ?? items[0];
}

function round(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
