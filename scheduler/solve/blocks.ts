import { at } from '../columns.ts';
import type { Block } from './block.ts';
import { gateRow, shardsPerCar, type Relaxation } from './relaxation.ts';

/** Flows are whole quanta; their sum must stay below 2^53 to be exact. */
const MAX_QUANTA = 2 ** 51;
const MAX_QUANTA_PER_KW = 2 ** 30;

/** One block of a relaxation, and where its parts stand there. */
export interface LaidOutBlock {
  readonly block: Block;
  /** Feeders whose limits count; none where none can bind. */
  readonly feeders: readonly number[];
  readonly station: number;
  /** Cars of the block with energy to charge; none where no limit can bind, since they have their cheapest slots. */
  readonly cars: Int32Array;
  /** Gates in the relaxation that each gate here stands for: from `gateStart` of it to that of the next. */
  readonly gates: Int32Array;
  readonly gateStart: Int32Array;
  /** EUR per kWh that the gate draws. */
  readonly gateCostEurPerKwh: Float64Array;
  readonly gatePlugKw: Float64Array;
  /** Shards by (gate, job) of one car: index gate * jobs + job. */
  readonly gateShards: Float64Array;
}

/** Quanta per kW for all blocks: fine enough for a milliwatt, coarse enough that sums are exact. */
export function quantaPerKwOf({ energyKwSlots, gateCars, problem }: Relaxation): number {
  let kwSlots = 1;
  for (const energy of energyKwSlots) kwSlots += energy;
  let highestPlugKw = 0;
  for (const kw of problem.computePlugKw) highestPlugKw = Math.max(highestPlugKw, kw);
  for (const count of gateCars) kwSlots += count * highestPlugKw;
  return Math.min(MAX_QUANTA_PER_KW, 2 ** Math.floor(Math.log2(MAX_QUANTA / kwSlots)));
}

/** Feeders that share limits, each list one block: those of one substation, or one alone. */
function feedersByBlock({ problem }: Relaxation): { readonly feeders: number[]; readonly station: number }[] {
  const blocks: { readonly feeders: number[]; readonly station: number }[] = [];
  const ofStation = new Map<number, number[]>();
  for (let feeder = 0; feeder < problem.feeders; feeder++) {
    const station = at(problem.substationOfFeeder, feeder);
    const known = station < 0 ? undefined : ofStation.get(station);
    if (known) {
      known.push(feeder);
      continue;
    }
    const feeders = [feeder];
    if (station >= 0) ofStation.set(station, feeders);
    blocks.push({ feeders, station });
  }
  return blocks;
}

/** Whether cars at their cheapest and gates all open at once pass a limit of the block in some slot. */
function mayBind(
  relaxation: Relaxation,
  { feeders, station }: { readonly feeders: readonly number[]; readonly station: number },
  freeLoadKw: Float64Array,
): boolean {
  const { slots } = relaxation.problem;
  for (let t = 0; t < slots; t++) {
    let stationKw = 0;
    for (const feeder of feeders) {
      const kw = at(freeLoadKw, feeder * slots + t);
      if (kw > at(relaxation.feederCapKw, feeder * slots + t)) return true;
      stationKw += kw;
    }
    if (station >= 0 && stationKw > at(relaxation.substationCapKw, station * slots + t)) return true;
  }
  return false;
}

/**
 * Blocks whose limits may bind, and one last for all other feeders: cars there are in their cheapest slots, and gates
 * that are alike in region, class and slot are one.
 */
export function layOut(relaxation: Relaxation, freeChargeKw: Float64Array, quantaPerKw: number): LaidOutBlock[] {
  const loadKw = freeLoadKw(relaxation, freeChargeKw);
  const { byFeeder, start } = carsByFeeder(relaxation);
  const blocks: LaidOutBlock[] = [];
  const free: number[] = [];
  for (const group of feedersByBlock(relaxation)) {
    if (!mayBind(relaxation, group, loadKw)) {
      free.push(...group.feeders);
      continue;
    }
    const parts = group.feeders.map((feeder) => [...byFeeder.subarray(at(start, feeder), at(start, feeder + 1))]);
    blocks.push(layOutBlock(relaxation, group, Int32Array.from(parts.flat()), quantaPerKw));
  }
  if (free.length > 0) blocks.push(layOutFree(relaxation, free, quantaPerKw));
  return blocks;
}

function freeLoadKw(relaxation: Relaxation, freeChargeKw: Float64Array): Float64Array {
  const { cars, slots, feeders, classes } = relaxation.problem;
  const loadKw = new Float64Array(feeders * slots);
  for (let car = 0; car < cars.count; car++) {
    if (at(relaxation.energyKwSlots, car) <= 0) continue;
    const row = at(cars.feeder, car) * slots;
    let cell = at(relaxation.layout.offset, car);
    for (let t = at(cars.from, car); t < at(cars.chargeUntil, car); t++, cell++) {
      loadKw[row + t] = at(loadKw, row + t) + at(freeChargeKw, cell);
    }
  }
  for (const [gate, count] of relaxation.gateCars.entries()) {
    if (count <= 0) continue;
    const { feeder, region, hardwareClass } = gateRow(relaxation.problem, Math.floor(gate / slots));
    const t = gate % slots;
    const plugKw = at(relaxation.problem.computePlugKw, (region * classes + hardwareClass) * slots + t);
    loadKw[feeder * slots + t] = at(loadKw, feeder * slots + t) + count * plugKw;
  }
  return loadKw;
}

/** Cars with energy to charge, feeder after feeder. */
function carsByFeeder({ problem, energyKwSlots }: Relaxation): {
  readonly byFeeder: Int32Array;
  readonly start: Int32Array;
} {
  const { cars, feeders } = problem;
  const start = new Int32Array(feeders + 1);
  for (let car = 0; car < cars.count; car++) {
    const feeder = at(cars.feeder, car);
    if (at(energyKwSlots, car) > 0) start[feeder + 1] = at(start, feeder + 1) + 1;
  }
  for (let feeder = 0; feeder < feeders; feeder++) start[feeder + 1] = at(start, feeder + 1) + at(start, feeder);
  const byFeeder = new Int32Array(at(start, feeders));
  const next = start.slice(0, feeders);
  for (let car = 0; car < cars.count; car++) {
    if (at(energyKwSlots, car) <= 0) continue;
    const feeder = at(cars.feeder, car);
    byFeeder[at(next, feeder)] = car;
    next[feeder] = at(next, feeder) + 1;
  }
  return { byFeeder, start };
}

function layOutFree(relaxation: Relaxation, feeders: readonly number[], quantaPerKw: number): LaidOutBlock {
  const { classes } = relaxation.problem;
  const alike = new Map<number, number[]>();
  for (const feeder of feeders) {
    for (let row = feeder * classes; row < (feeder + 1) * classes; row++) {
      const { region, hardwareClass } = gateRow(relaxation.problem, row);
      const rows = alike.get(region * classes + hardwareClass);
      if (rows) rows.push(row);
      else alike.set(region * classes + hardwareClass, [row]);
    }
  }
  const groups = Array.from(alike.values(), (rows) => ({ rows, hubOf: () => 0 }));
  const { gateHub, gateCapacity, ...gates } = layOutGates(relaxation, groups, quantaPerKw);
  return {
    block: {
      hubs: 0,
      exitTo: new Int32Array(),
      exitCapacity: new Float64Array(),
      cars: 0,
      cellStart: new Int32Array(1),
      firstHub: new Int32Array(),
      need: new Float64Array(),
      cellCapacity: new Float64Array(),
      cellCost: new Float64Array(),
      gateHub,
      gateCapacity,
      unservedCost: relaxation.problem.ownerPenaltyEurPerKwh,
    },
    feeders: [],
    station: -1,
    cars: new Int32Array(),
    ...gates,
  };
}

function layOutBlock(
  relaxation: Relaxation,
  { feeders, station }: { readonly feeders: readonly number[]; readonly station: number },
  members: Int32Array,
  quantaPerKw: number,
): LaidOutBlock {
  const { problem, layout } = relaxation;
  const { cars, slots, classes } = problem;
  const hubs = (feeders.length + (station < 0 ? 0 : 1)) * slots;
  const exitTo = new Int32Array(hubs).fill(hubs);
  const exitCapacity = new Float64Array(hubs);
  const firstHubOf = new Map(feeders.map((feeder, index) => [feeder, index * slots]));
  for (const [index, feeder] of feeders.entries()) {
    for (let t = 0; t < slots; t++) {
      const hub = index * slots + t;
      exitCapacity[hub] = Math.floor(at(relaxation.feederCapKw, feeder * slots + t) * quantaPerKw);
      if (station >= 0) exitTo[hub] = feeders.length * slots + t;
    }
  }
  if (station >= 0) {
    for (let t = 0; t < slots; t++) {
      const capKw = at(relaxation.substationCapKw, station * slots + t);
      exitCapacity[feeders.length * slots + t] = Math.floor(capKw * quantaPerKw);
    }
  }
  const cellStart = new Int32Array(members.length + 1);
  for (let k = 0; k < members.length; k++) {
    const car = at(members, k);
    cellStart[k + 1] = at(cellStart, k) + at(cars.chargeUntil, car) - at(cars.from, car);
  }
  const cellCapacity = new Float64Array(at(cellStart, members.length));
  const cellCost = new Float64Array(cellCapacity.length);
  const firstHub = new Int32Array(members.length);
  const need = new Float64Array(members.length);
  for (let k = 0; k < members.length; k++) {
    const car = at(members, k);
    const first = at(layout.offset, car);
    const start = at(cellStart, k);
    const count = at(cellStart, k + 1) - start;
    firstHub[k] = (firstHubOf.get(at(cars.feeder, car)) ?? 0) + at(cars.from, car);
    need[k] = Math.round(at(relaxation.energyKwSlots, car) * quantaPerKw);
    cellCost.set(relaxation.chargeCostEurPerKwh.subarray(first, first + count), start);
    for (let c = 0; c < count; c++) {
      cellCapacity[start + c] = Math.round(at(relaxation.chargeCapKw, first + c) * quantaPerKw);
    }
  }
  const groups = feeders.flatMap((feeder, index) =>
    Array.from({ length: classes }, (_, hardwareClass) => ({
      rows: [feeder * classes + hardwareClass],
      hubOf: (t: number): number => index * slots + t,
    })),
  );
  const { gateHub, gateCapacity, ...gates } = layOutGates(relaxation, groups, quantaPerKw);
  return {
    block: {
      hubs,
      exitTo,
      exitCapacity,
      cars: members.length,
      cellStart,
      firstHub,
      need,
      cellCapacity,
      cellCost,
      gateHub,
      gateCapacity,
      unservedCost: problem.ownerPenaltyEurPerKwh,
    },
    feeders,
    station,
    cars: members,
    ...gates,
  };
}

/**
 * Gates without a job that they could serve are left out.
 * @param groups rows of gates, (feeder, class), that are one gate in each slot
 */
function layOutGates(
  { problem, gateCars }: Relaxation,
  groups: readonly { readonly rows: readonly number[]; readonly hubOf: (slot: number) => number }[],
  quantaPerKw: number,
) {
  const { slots, classes, jobs } = problem;
  const gates: number[] = [];
  const gateStart: number[] = [0];
  const shards: number[] = [];
  const gateHub: number[] = [];
  const gateCapacity: number[] = [];
  const gateCostEurPerKwh: number[] = [];
  const gatePlugKw: number[] = [];
  for (const { rows, hubOf } of groups) {
    const { region, hardwareClass } = gateRow(problem, rows[0] ?? 0);
    for (let t = 0; t < slots; t++) {
      const plugKw = at(problem.computePlugKw, (region * classes + hardwareClass) * slots + t);
      const open = rows.map((row) => row * slots + t).filter((gate) => at(gateCars, gate) > 0);
      const count = open.reduce((sum, gate) => sum + at(gateCars, gate), 0);
      const capacity = Math.floor(count * plugKw * quantaPerKw);
      if (capacity <= 0) continue;
      const served = jobs.map((job, j) => (job.shards > 0 ? shardsPerCar(problem, j, region, hardwareClass, t) : 0));
      if (served.every((each) => each <= 0)) continue;
      gates.push(...open);
      gateStart.push(gates.length);
      shards.push(...served);
      gateHub.push(hubOf(t));
      gateCapacity.push(capacity);
      gateCostEurPerKwh.push(at(problem.unitCostEurPerKwh, region * slots + t));
      gatePlugKw.push(plugKw);
    }
  }
  return {
    gates: Int32Array.from(gates),
    gateStart: Int32Array.from(gateStart),
    gateHub: Int32Array.from(gateHub),
    gateCapacity: Float64Array.from(gateCapacity),
    gateCostEurPerKwh: Float64Array.from(gateCostEurPerKwh),
    gatePlugKw: Float64Array.from(gatePlugKw),
    gateShards: Float64Array.from(shards),
  };
}
