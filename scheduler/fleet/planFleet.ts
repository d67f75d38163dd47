// Indices come from loops over the fleet's own columns; a check on each read would double the time.
/* oxlint-disable typescript/no-non-null-assertion */
import type { CarColumns, CompiledProblem } from '../compile.ts';
import { createSetpoints } from '../realise/setpoints.ts';
import { computeCheapest } from '../solve/capFree.ts';
import { lowerBound } from '../solve/lowerBound.ts';
import { gateRow, relaxedCost, type LimitPrices, type Relaxation } from '../solve/relaxation.ts';
import { disaggregate } from './aggregate.ts';
import { chargeFeeder, chargingColumns, copyOut } from './chargeFeeder.ts';
import { laxityOf } from './chargeFlow.ts';

export interface FleetPlan {
  /** Car i in slot t is at `offset[i] + t - from[i]`. */
  readonly offset: Float64Array;
  readonly chargeKw: Float32Array;
  /** 1 while the car computes. */
  readonly computes: Uint8Array;
  readonly prices: LimitPrices;
  /** Cost plus penalties of the fractional plan, and of no plan less. */
  readonly costEur: number;
  readonly lowerBoundEur: number;
  /** Expected shards of whole cars. */
  readonly shards: number;
  readonly feedersThatBind: number;
}

/**
 * Plans a fleet that is too large for one network. Charging is solved feeder by feeder, exactly, in what compute
 * leaves; compute then goes where it is cheapest at cost plus the rents that this gave. Both answer to the average of
 * the other's answers (fictitious play: Brown 1951), so cost falls towards the bound, round by round. Without rounds,
 * compute takes the cheapest of what charging leaves free, and moves no charging. Without owners' minimums and
 * substations, which the cell planner has.
 * @param problem columns, made by hand for a fleet; car columns need not come from a `PlanningProblem`
 * @param rounds answers of compute that charging answers to; 0: charging is solved once
 * @throws RangeError when the speeds of jobs and classes do not factor
 */
export function planFleet(problem: CompiledProblem, rounds: number): FleetPlan {
  const { cars, slots } = problem;
  const offset = createOffsets(cars);
  const members = carsByFeeder(problem);
  const gateCars = new Float64Array(problem.feeders * problem.classes * slots);
  for (const own of members) addGates(problem, own, gateCars);
  const gates = gatesOnly(problem, gateCars);
  const room = gatesOnly(problem, gatesWithin(problem, gateCars, problem.feederCapKw));
  const chargeKw = new Float32Array(offset[cars.count]!);
  let gateCarsOfJob: readonly Float64Array[] = problem.jobs.map(() => new Float64Array(gateCars.length));
  let lowerBoundEur = -Infinity;
  let prices: LimitPrices | undefined;
  for (let round = 0; ; round++) {
    const charged = chargeFeeders(problem, members, capBeside(problem, gateCarsOfJob), offset, chargeKw);
    const price = charged.rent.map((rent, cell) => rent + costOf(problem, cell));
    const answer = computeCheapest(room, price);
    if (answer === undefined) throw new RangeError('The speeds of jobs and classes do not factor into two parts.');
    const roundPrices: LimitPrices = {
      feederRentEurPerKwh: charged.rent,
      substationRentEurPerKwh: new Float64Array(),
      jobPriceEurPerShard: answer.jobPriceEurPerShard,
    };
    // The rent of the limits is in the bound of the feeders' charging already.
    const noLimits = { ...gates, feederCapKw: new Float64Array(problem.feederCapKw.length) };
    const bound = charged.lowerBoundEur + lowerBound(noLimits, roundPrices);
    if (bound > lowerBoundEur) [lowerBoundEur, prices] = [bound, roundPrices];
    if (round === rounds) {
      if (rounds === 0) {
        const free = charged.loadKw.map((kw, cell) => Math.max(0, problem.feederCapKw[cell]! - kw));
        const beside = gatesOnly(problem, gatesWithin(problem, gateCars, free));
        gateCarsOfJob = computeCheapest(beside, price)?.gateCarsOfJob ?? gateCarsOfJob;
      }
      const costEur = charged.costEur + relaxedCost(gates, new Float64Array(), gateCarsOfJob);
      const computes = new Uint8Array(chargeKw.length);
      const shards = switchOn(problem, members, offset, gateCarsOfJob, computes);
      const { feedersThatBind } = charged;
      return {
        offset,
        chargeKw,
        computes,
        prices: prices ?? roundPrices,
        costEur,
        lowerBoundEur,
        shards,
        feedersThatBind,
      };
    }
    const weight = 2 / (round + 2);
    gateCarsOfJob = gateCarsOfJob.map((mean, job) =>
      mean.map((count, gate) => count + weight * ((answer.gateCarsOfJob[job]?.[gate] ?? 0) - count)),
    );
  }
}

/** Charges all feeders and writes every car's setpoints out. */
function chargeFeeders(
  problem: CompiledProblem,
  members: readonly Int32Array[],
  capKw: Float64Array,
  offset: Float64Array,
  chargeKw: Float32Array,
) {
  const { cars, slots } = problem;
  const rent = new Float64Array(problem.feeders * slots);
  const loadKw = new Float64Array(problem.feeders * slots);
  let costEur = 0;
  let lowerBoundEur = 0;
  let feedersThatBind = 0;
  chargeKw.fill(0);
  for (const [feeder, own] of members.entries()) {
    const charged = chargeFeeder(problem, feeder, own, capKw);
    costEur += charged.costEur;
    lowerBoundEur += charged.lowerBoundEur;
    if (charged.binds) feedersThatBind++;
    rent.set(charged.rent, feeder * slots);
    const write = (member: number, slot: number, kw: number): void => {
      const car = own[member]!;
      chargeKw[offset[car]! + slot] = kw;
      loadKw[feeder * slots + cars.from[car]! + slot]! += kw;
    };
    if (charged.aggregate) disaggregate(charged.aggregate, charged.chargeKw, charged.offset, write);
    else copyOut(cars, own, charged.chargeKw, charged.offset, write);
  }
  return { rent, loadKw, costEur, lowerBoundEur, feedersThatBind };
}

function addGates({ cars, classes, slots }: CompiledProblem, own: Int32Array, gateCars: Float64Array): void {
  for (const car of own) {
    const row = (cars.feeder[car]! * classes + cars.hardwareClass[car]!) * slots;
    for (let t = cars.from[car]!; t < cars.until[car]!; t++) {
      const share = cars.computeShare(car, t);
      if (share > 0) gateCars[row + t]! += share * cars.survival(car, t);
    }
  }
}

/** What compute leaves of each feeder. */
function capBeside(problem: CompiledProblem, gateCarsOfJob: readonly Float64Array[]): Float64Array {
  const capKw = Float64Array.from(problem.feederCapKw);
  for (const gateCars of gateCarsOfJob) {
    for (let gate = 0; gate < gateCars.length; gate++) {
      if (gateCars[gate]! > 0) capKw[cellOfGate(problem, gate)]! -= gateCars[gate]! * plugKw(problem, gate);
    }
  }
  return capKw.map((kw) => Math.max(0, kw));
}

/** Gates cut to what their feeder carries, shared between classes in proportion. */
function gatesWithin(problem: CompiledProblem, gateCars: Float64Array, capKw: Float64Array): Float64Array {
  const wantedKw = new Float64Array(capKw.length);
  for (const [gate, count] of gateCars.entries()) {
    wantedKw[cellOfGate(problem, gate)]! += count * plugKw(problem, gate);
  }
  return gateCars.map((count, gate) => {
    const cell = cellOfGate(problem, gate);
    return wantedKw[cell]! > capKw[cell]! ? (count * capKw[cell]!) / wantedKw[cell]! : count;
  });
}

function cellOfGate({ classes, slots }: CompiledProblem, gate: number): number {
  return Math.floor(gate / (classes * slots)) * slots + (gate % slots);
}

/** A relaxation without cars: gates and jobs only. */
function gatesOnly(problem: CompiledProblem, gateCars: Float64Array): Relaxation {
  const cars = chargingColumns(problem.cars, new Int32Array());
  const empty = new Float64Array();
  return {
    problem: { ...problem, cars },
    layout: createSetpoints(cars),
    chargeCapKw: empty,
    chargeCostEurPerKwh: empty,
    energyKwSlots: empty,
    feederCapKw: problem.feederCapKw,
    substationCapKw: problem.substationCapKw,
    gateCars,
    fixedCostEur: 0,
  };
}

/** Opens whole cars, those that stay longest first; fractions are carried from slot to slot. */
function switchOn(
  problem: CompiledProblem,
  members: readonly Int32Array[],
  offset: Float64Array,
  gateCarsOfJob: readonly Float64Array[],
  computes: Uint8Array,
): number {
  const { cars, classes, slots } = problem;
  let shards = 0;
  for (let row = 0; row < problem.feeders * classes; row++) {
    const { feeder, region, hardwareClass } = gateRow(problem, row);
    const own = members[feeder]!.filter((car) => cars.hardwareClass[car] === hardwareClass).sort(
      (a, b) => cars.until[b]! - cars.until[a]! || a - b,
    );
    let carried = 0;
    for (let t = 0; t < slots; t++) {
      let wanted = 0;
      for (const gateCars of gateCarsOfJob) wanted += gateCars[row * slots + t]!;
      if (wanted <= 0) continue;
      carried += wanted;
      let opened = 0;
      for (const car of own) {
        if (t < cars.from[car]! || t >= cars.until[car]!) continue;
        const share = cars.computeShare(car, t);
        const expected = share * cars.survival(car, t);
        // Never more than the gate was given: charging has taken the rest.
        if (share <= 0 || opened + expected > Math.min(carried, wanted) + 1e-9) continue;
        computes[offset[car]! + t - cars.from[car]!] = 1;
        opened += expected;
      }
      carried -= opened;
      const [first] = problem.jobs;
      if (first) shards += opened * first.shardsPerSlot[hardwareClass]! * problem.derate[region * slots + t]!;
    }
  }
  return shards;
}

function carsByFeeder({ cars, feeders }: CompiledProblem): Int32Array[] {
  const counts = new Int32Array(feeders);
  for (let car = 0; car < cars.count; car++) counts[cars.feeder[car]!]!++;
  const members = Array.from(counts, (count) => new Int32Array(count));
  counts.fill(0);
  for (let car = 0; car < cars.count; car++) members[cars.feeder[car]!]![counts[cars.feeder[car]!]!++] = car;
  // In the order in which the flow visits them, neighbours in time are neighbours in memory.
  const laxity = laxityOf(cars);
  for (const own of members) own.sort((a, b) => laxity[a]! - laxity[b]! || a - b);
  return members;
}

function createOffsets(cars: CarColumns): Float64Array {
  const offset = new Float64Array(cars.count + 1);
  for (let car = 0; car < cars.count; car++) offset[car + 1] = offset[car]! + cars.until[car]! - cars.from[car]!;
  return offset;
}

function costOf({ slots, regionOfFeeder, unitCostEurPerKwh }: CompiledProblem, cell: number): number {
  return unitCostEurPerKwh[regionOfFeeder[Math.floor(cell / slots)]! * slots + (cell % slots)]!;
}

function plugKw(problem: CompiledProblem, gate: number): number {
  const { region, hardwareClass } = gateRow(problem, Math.floor(gate / problem.slots));
  return problem.computePlugKw[(region * problem.classes + hardwareClass) * problem.slots + (gate % problem.slots)]!;
}
