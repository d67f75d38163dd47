import { at } from '../columns.ts';
import type { Block } from './block.ts';
import { gateRow, shardsPerCar, type Relaxation } from './relaxation.ts';

/** Flows are whole quanta; their sum must stay below 2^53 to be exact. */
const MAX_QUANTA = 2 ** 51;
const MAX_QUANTA_PER_KW = 2 ** 30;

/** One block of a relaxation, and where its parts stand there. */
export interface LaidOutBlock {
  readonly block: Block;
  readonly feeders: readonly number[];
  readonly station: number;
  /** Cars of the block with energy to charge; none where no limit can bind, since they have their cheapest slots. */
  readonly cars: Int32Array;
  /** Index of each gate in the relaxation. */
  readonly gates: Int32Array;
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
export function feedersByBlock({ problem }: Relaxation): { readonly feeders: number[]; readonly station: number }[] {
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
export function mayBind(
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

/** Lays out one block. Gates without a job that they could serve are left out. */
export function layOutBlock(
  relaxation: Relaxation,
  { feeders, station }: { readonly feeders: readonly number[]; readonly station: number },
  members: Int32Array,
  quantaPerKw: number,
): LaidOutBlock {
  const { problem, layout } = relaxation;
  const { cars, slots, classes, jobs } = problem;
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
  const gates: number[] = [];
  const shards: number[] = [];
  const gateHub: number[] = [];
  const gateCapacity: number[] = [];
  const gateCostEurPerKwh: number[] = [];
  const gatePlugKw: number[] = [];
  for (const [index, feeder] of feeders.entries()) {
    for (let gate = feeder * classes * slots; gate < (feeder + 1) * classes * slots; gate++) {
      const { region, hardwareClass } = gateRow(problem, Math.floor(gate / slots));
      const t = gate % slots;
      const plugKw = at(problem.computePlugKw, (region * classes + hardwareClass) * slots + t);
      const capacity = Math.floor(at(relaxation.gateCars, gate) * plugKw * quantaPerKw);
      if (capacity <= 0) continue;
      const served = jobs.map((job, j) => (job.shards > 0 ? shardsPerCar(problem, j, region, hardwareClass, t) : 0));
      if (served.every((count) => count <= 0)) continue;
      gates.push(gate);
      shards.push(...served);
      gateHub.push(index * slots + t);
      gateCapacity.push(capacity);
      gateCostEurPerKwh.push(at(problem.unitCostEurPerKwh, region * slots + t));
      gatePlugKw.push(plugKw);
    }
  }
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
      gateHub: Int32Array.from(gateHub),
      gateCapacity: Float64Array.from(gateCapacity),
      unservedCost: problem.ownerPenaltyEurPerKwh,
    },
    feeders,
    station,
    cars: members,
    gates: Int32Array.from(gates),
    gateCostEurPerKwh: Float64Array.from(gateCostEurPerKwh),
    gatePlugKw: Float64Array.from(gatePlugKw),
    gateShards: Float64Array.from(shards),
  };
}
