import type { CompiledJob, CompiledProblem } from '../compile.ts';
import { at } from '../columns.ts';
import type { PlanningRules } from '../problem.ts';
import type { Headroom } from './headroom.ts';
import { cellOf, type Setpoints } from './setpoints.ts';

/** What computing needs to know of a car beside its columns. */
interface ComputeState {
  readonly computingNow: boolean;
  readonly asleep: boolean;
  readonly wakeCostEur: number;
  /** kW·slots that must have been charged before it may compute. */
  readonly floorKwSlots: number;
  readonly plugLimitKw: number;
}

export interface ComputePlacement {
  readonly setpoints: Setpoints;
  readonly headroom: Headroom;
  readonly rules: PlanningRules;
  readonly stateOf: (car: number) => ComputeState;
  /** EUR per kWh at the plug on a feeder: cost, and rent of the limits that bind. */
  readonly priceOf: (feeder: number, slot: number) => number;
}

/** Shards that a job is given, by (region, class, slot): index (region * classes + class) * slots + slot. */
export interface ComputeResult {
  readonly shardsOfJob: Float64Array[];
  /** First slot in which a sleeping car is needed; -1 for none. */
  readonly wakeSlot: Int32Array;
}

/** A wake-up is weighed over the block of slots that it is expected to buy. */
const WAKE_BLOCK_SLOTS = 8;
const ROUNDING_SHARDS = 1e-9;

interface Candidate {
  readonly slot: number;
  readonly feeder: number;
  readonly hardwareClass: number;
  readonly asleep: boolean;
  readonly eurPerShard: number;
}

/**
 * Turns whole cars on for compute, job by job, where a shard is cheapest, within what charging has left. Cars that
 * compute already and that stay longest come first, so that the same cars run in long blocks.
 */
export function placeCompute(problem: CompiledProblem, placement: ComputePlacement): ComputeResult {
  const groups = groupCars(problem, placement);
  const passed = new Map(Array.from(groups.keys(), (key) => [key, new Int32Array(problem.slots)]));
  const wakes = { slotOf: new Int32Array(problem.cars.count).fill(-1), perSlot: new Int32Array(problem.slots) };
  const shardsOfJob = problem.jobs.map(() => new Float64Array(problem.regions * problem.classes * problem.slots));
  const order = problem.jobs
    .map((job, index) => ({ job, index }))
    .sort((a, b) => b.job.priority - a.job.priority || a.job.until - b.job.until || a.index - b.index);
  for (const { job, index } of order) {
    const granted = shardsOfJob[index];
    if (granted === undefined) continue;
    let left = job.shards;
    for (const candidate of candidates(problem, placement, job, groups)) {
      if (left <= ROUNDING_SHARDS) break;
      left -= turnOn(problem, placement, { groups, passed, wakes }, job, candidate, left, granted);
    }
  }
  return { shardsOfJob, wakeSlot: wakes.slotOf };
}

/** Cars by (feeder, class, asleep), in the order in which they are turned on. */
function groupCars(problem: CompiledProblem, placement: ComputePlacement): Map<number, number[]> {
  const { cars } = problem;
  const groups = new Map<number, number[]>();
  for (let car = 0; car < cars.count; car++) {
    const key = groupKey(problem, at(cars.feeder, car), at(cars.hardwareClass, car), placement.stateOf(car).asleep);
    const group = groups.get(key);
    if (group) group.push(car);
    else groups.set(key, [car]);
  }
  for (const group of groups.values()) {
    group.sort((a, b) => {
      const [first, second] = [placement.stateOf(a), placement.stateOf(b)];
      return (
        Number(second.computingNow) - Number(first.computingNow) ||
        first.wakeCostEur - second.wakeCostEur ||
        at(cars.until, b) - at(cars.until, a) ||
        a - b
      );
    });
  }
  return groups;
}

function groupKey(problem: CompiledProblem, feeder: number, hardwareClass: number, asleep: boolean): number {
  return (feeder * problem.classes + hardwareClass) * 2 + (asleep ? 1 : 0);
}

function candidates(
  problem: CompiledProblem,
  placement: ComputePlacement,
  job: CompiledJob,
  groups: ReadonlyMap<number, readonly number[]>,
): Candidate[] {
  const { slots, classes } = problem;
  const found: Candidate[] = [];
  for (const [key, group] of groups) {
    const asleep = key % 2 === 1;
    const hardwareClass = Math.floor(key / 2) % classes;
    const feeder = Math.floor(key / 2 / classes);
    const region = at(problem.regionOfFeeder, feeder);
    const first = group[0];
    if (first === undefined) continue;
    const state = placement.stateOf(first);
    const full = at(job.shardsPerSlot, hardwareClass);
    for (let t = job.from; t < job.until; t++) {
      const shards = full * at(problem.derate, region * slots + t);
      if (shards <= 0 || job.allowed[region * slots + t] !== 1) continue;
      const kwh = at(problem.computePlugKw, (region * classes + hardwareClass) * slots + t) * problem.slotHours;
      // Late is cheaper than energy that costs more than the shard is worth.
      if (kwh * at(problem.unitCostEurPerKwh, region * slots + t) > job.penaltyEurPerShard * shards) continue;
      let eur = kwh * placement.priceOf(feeder, t);
      if (t === 0 && state.computingNow) eur -= kwh * placement.rules.hysteresisEurPerKwh;
      if (asleep) eur += state.wakeCostEur / WAKE_BLOCK_SLOTS;
      found.push({ slot: t, feeder, hardwareClass, asleep, eurPerShard: eur / shards });
    }
  }
  return found.sort((a, b) => a.eurPerShard - b.eurPerShard || a.slot - b.slot || a.feeder - b.feeder);
}

interface Wakes {
  readonly slotOf: Int32Array;
  readonly perSlot: Int32Array;
}

interface Turns {
  readonly groups: ReadonlyMap<number, readonly number[]>;
  /** By group and slot: how many of its first cars compute there or cannot, so that no later job asks them again. */
  readonly passed: ReadonlyMap<number, Int32Array>;
  readonly wakes: Wakes;
}

function turnOn(
  problem: CompiledProblem,
  placement: ComputePlacement,
  { groups, passed, wakes }: Turns,
  job: CompiledJob,
  candidate: Candidate,
  wanted: number,
  granted: Float64Array,
): number {
  const { cars, slots, classes } = problem;
  const { setpoints, headroom } = placement;
  const { slot, feeder, hardwareClass } = candidate;
  const region = at(problem.regionOfFeeder, feeder);
  const cell = (region * classes + hardwareClass) * slots + slot;
  const shardsPerCar = at(job.shardsPerSlot, hardwareClass) * at(problem.derate, region * slots + slot);
  let done = 0;
  const key = groupKey(problem, feeder, hardwareClass, candidate.asleep);
  const group = groups.get(key) ?? [];
  const firsts = passed.get(key) ?? new Int32Array(slots);
  // Under a ramp limit a load in the slot before makes room.
  let isFirst = placement.rules.maxRampUpKwPerSlot === undefined;
  for (let rank = at(firsts, slot); rank < group.length; rank++) {
    if (done >= wanted - ROUNDING_SHARDS) break;
    // Room only falls otherwise, so that who cannot compute in a slot now never can; but for a wake-up, which another car
    // may give back.
    if (isFirst) firsts[slot] = rank;
    const car = group[rank] ?? 0;
    if (slot < at(cars.from, car) || slot >= at(cars.until, car)) continue;
    const own = cellOf(setpoints, cars, car, slot);
    if (at(setpoints.computeKw, own) > 0) continue;
    const share = cars.computeShare(car, slot);
    if (share <= 0) continue;
    const kw = share * at(problem.computePlugKw, cell);
    const state = placement.stateOf(car);
    if (kw > headroom.availableKw(feeder, slot)) continue;
    if (at(setpoints.chargeKw, own) + kw > state.plugLimitKw) continue;
    if (state.floorKwSlots > 0 && state.floorKwSlots > chargedBefore(problem, setpoints, car, slot)) continue;
    if (state.asleep && !wake(wakes, placement.rules.maxWakeUpsPerSlot, car, slot)) {
      isFirst = false;
      continue;
    }
    setpoints.computeKw[own] = kw;
    headroom.add(feeder, slot, kw);
    done += share * shardsPerCar * cars.survival(car, slot);
  }
  const taken = Math.min(done, wanted);
  granted[cell] = at(granted, cell) + taken;
  return taken;
}

/** Books a wake-up for the first slot in which the car is needed; false when that slot has none left. */
function wake(wakes: Wakes, maxPerSlot: number, car: number, slot: number): boolean {
  const booked = at(wakes.slotOf, car);
  if (booked >= 0 && booked <= slot) return true;
  if (at(wakes.perSlot, slot) >= maxPerSlot) return false;
  if (booked >= 0) wakes.perSlot[booked] = at(wakes.perSlot, booked) - 1;
  wakes.perSlot[slot] = at(wakes.perSlot, slot) + 1;
  wakes.slotOf[car] = slot;
  return true;
}

function chargedBefore(problem: CompiledProblem, setpoints: Setpoints, car: number, slot: number): number {
  let kwSlots = 0;
  for (let t = at(problem.cars.from, car); t < slot; t++) {
    kwSlots += at(setpoints.chargeKw, cellOf(setpoints, problem.cars, car, t));
  }
  return kwSlots + 1e-9;
}
