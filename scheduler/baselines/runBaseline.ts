import { chargeNowKw, laxitySlots } from '../chargeNow.ts';
import { at } from '../columns.ts';
import { compileProblem, type CompiledProblem } from '../compile.ts';
import type { PlanningProblem } from '../problem.ts';
import { createHeadroom, type Headroom } from '../realise/headroom.ts';
import { cellOf, createSetpoints, type Setpoints } from '../realise/setpoints.ts';
import { totalsOf, type Totals } from '../report/figures.ts';

/** What a fleet without a planner does, under the same limits. Each looks at one slot at a time, never ahead. */
export const BASELINES = {
  asap: 'Charge on arrival: cars in order of arrival, each with all that it can draw.',
  edf: 'Earliest departure first: as asap, cars in order of ready-by.',
  llf: 'Least laxity first: as asap, cars in order of slots left beyond what charging still takes.',
} as const satisfies Record<string, string>;
export type BaselineName = keyof typeof BASELINES;

export interface BaselineResult {
  readonly cars: readonly {
    readonly carId: string;
    readonly chargeKw: readonly number[];
    readonly computeKw: readonly number[];
    /** kWh in the battery missing at ready-by. */
    readonly missingKwh: number;
  }[];
  readonly jobs: readonly { readonly jobId: string; readonly expectedShards: number }[];
  readonly totals: Totals;
}

const ROUNDING = 1e-9;

/**
 * Runs a baseline: charging by its order, and jobs at once when their window opens on any car that is there and awake,
 * in what charging leaves. Sleeping cars are woken when the awake ones do not suffice.
 * @param problem as `planningProblemSchema` accepts it
 * @returns kW at the plug by car and slot, expected shards by job, and totals; limits are kept, starts are not counted
 */
export function runBaseline(problem: PlanningProblem, name: BaselineName): BaselineResult {
  const compiled = compileProblem(problem);
  const { cars, slots } = compiled;
  const setpoints = createSetpoints(cars);
  const headroom = createHeadroom(compiled, problem.rules.maxRampUpKwPerSlot);
  const left = Float64Array.from(cars.energyKwSlots);
  const missing = new Float64Array(cars.count);
  const shardsLeft = Float64Array.from(compiled.jobs, (job) => job.shards);
  const woken = new Set<number>();
  const everyCar = Array.from({ length: cars.count }, (_, car) => car);
  for (let t = 0; t < slots; t++) {
    const plugged = everyCar.filter((car) => at(cars.from, car) <= t && t < at(cars.until, car));
    for (const car of plugged) if (t === at(cars.chargeUntil, car)) missing[car] = at(left, car);
    const rank = new Map(plugged.map((car) => [car, URGENCY[name](cars, left, car, t)]));
    plugged.sort((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0) || at(cars.from, a) - at(cars.from, b) || a - b);
    for (const car of plugged) chargeNow(compiled, setpoints, headroom, left, car, t);
    computeNow(problem, compiled, setpoints, headroom, plugged, shardsLeft, woken, t);
  }
  const wakeCostEur = [...woken].reduce((sum, car) => sum + (problem.cars[car]?.wakeCostEur ?? 0), 0);
  return {
    cars: problem.cars.map((car, index) => {
      const atReadyBy = at(cars.chargeUntil, index) < at(cars.until, index) ? at(missing, index) : at(left, index);
      return {
        carId: car.id,
        chargeKw: seriesOf(compiled, setpoints, setpoints.chargeKw, index),
        computeKw: seriesOf(compiled, setpoints, setpoints.computeKw, index),
        missingKwh: atReadyBy > ROUNDING ? atReadyBy * compiled.slotHours * car.chargerEfficiency : 0,
      };
    }),
    jobs: problem.jobs.map((job, j) => ({ jobId: job.id, expectedShards: job.shardsRemaining - at(shardsLeft, j) })),
    totals: totalsOf(problem, compiled, setpoints, wakeCostEur),
  };
}

type Urgency = (cars: CompiledProblem['cars'], left: Float64Array, car: number, slot: number) => number;

/** Lower goes first. */
const URGENCY: Readonly<Record<BaselineName, Urgency>> = {
  asap: (cars, _left, car) => at(cars.from, car),
  edf: (cars, _left, car) => at(cars.chargeUntil, car),
  llf: (cars, left, car, slot) => laxitySlots(slot, at(cars.chargeUntil, car), at(left, car), at(cars.maxKw, car)),
};

function chargeNow(
  { cars }: CompiledProblem,
  setpoints: Setpoints,
  headroom: Headroom,
  left: Float64Array,
  car: number,
  slot: number,
): void {
  const mostKw = Math.min(cars.chargeCapKw(car, slot), headroom.availableKw(at(cars.feeder, car), slot));
  const kw = chargeNowKw(at(left, car), mostKw, at(cars.minKw, car));
  if (kw === 0) return;
  setpoints.chargeKw[cellOf(setpoints, cars, car, slot)] = kw;
  headroom.add(at(cars.feeder, car), slot, kw);
  left[car] = Math.max(0, at(left, car) - kw);
}

function computeNow(
  problem: PlanningProblem,
  compiled: CompiledProblem,
  setpoints: Setpoints,
  headroom: Headroom,
  plugged: readonly number[],
  shardsLeft: Float64Array,
  woken: Set<number>,
  slot: number,
): void {
  const { cars, slots, classes } = compiled;
  const asleep = (car: number): boolean => problem.cars[car]?.asleep === true && !woken.has(car);
  const awakeFirst = plugged.toSorted((a, b) => Number(asleep(a)) - Number(asleep(b)));
  const jobs = compiled.jobs
    .map((job, index) => ({ job, index }))
    .sort((a, b) => b.job.priority - a.job.priority || a.job.until - b.job.until || a.index - b.index);
  for (const car of awakeFirst) {
    const feeder = at(cars.feeder, car);
    const region = at(compiled.regionOfFeeder, feeder);
    const hardwareClass = at(cars.hardwareClass, car);
    const share = cars.computeShare(car, slot);
    const cell = cellOf(setpoints, cars, car, slot);
    const kw = share * at(compiled.computePlugKw, (region * classes + hardwareClass) * slots + slot);
    const source = problem.cars[car];
    if (kw <= 0 || source === undefined || kw > headroom.availableKw(feeder, slot)) continue;
    if (at(setpoints.chargeKw, cell) + kw > (source.plugLimitKw ?? Infinity)) continue;
    if (chargedKwh(compiled, setpoints, car, slot) + ROUNDING < source.computeFloorNeedKwh) continue;
    const served = jobs.find(
      ({ job, index }) =>
        at(shardsLeft, index) > ROUNDING &&
        job.allowed[region * slots + slot] === 1 &&
        at(job.shardsPerSlot, hardwareClass) > 0,
    );
    if (served === undefined) continue;
    if (asleep(car)) {
      if (problem.rules.maxWakeUpsPerSlot === 0) continue;
      woken.add(car);
    }
    setpoints.computeKw[cell] = kw;
    headroom.add(feeder, slot, kw);
    const shards =
      share *
      at(served.job.shardsPerSlot, hardwareClass) *
      at(compiled.derate, region * slots + slot) *
      cars.survival(car, slot);
    shardsLeft[served.index] = Math.max(0, at(shardsLeft, served.index) - shards);
  }
}

function chargedKwh(compiled: CompiledProblem, setpoints: Setpoints, car: number, slot: number): number {
  let kwSlots = 0;
  for (let t = at(compiled.cars.from, car); t < slot; t++) {
    kwSlots += at(setpoints.chargeKw, cellOf(setpoints, compiled.cars, car, t));
  }
  return kwSlots * compiled.slotHours * at(compiled.cars.efficiency, car);
}

function seriesOf(compiled: CompiledProblem, setpoints: Setpoints, kw: Float64Array, car: number): number[] {
  const { cars } = compiled;
  return Array.from({ length: compiled.slots }, (_, t) =>
    t < at(cars.from, car) || t >= at(cars.until, car) ? 0 : at(kw, cellOf(setpoints, cars, car, t)),
  );
}
