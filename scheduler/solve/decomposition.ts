import { at } from '../columns.ts';
import type { BlockProgram } from './blockSystem.ts';
import { interiorPoint } from './interiorPoint.ts';
import { jointFlow, type JointFlow } from './jointFlow.ts';
import { gateRow, shardsPerCar, type LimitPrices, type Relaxation } from './relaxation.ts';

const TOLERANCE = 1e-9;
const LEAST_CAP_KW = 1e-9;

export interface Decomposition {
  readonly chargeKw: Float64Array;
  readonly gateCarsOfJob: Float64Array[];
  readonly prices: LimitPrices;
  readonly iterations: number;
}

/**
 * The general core: charging and compute on shared limits when a shard's energy depends on temperature and class, so
 * that flow is gained and lost in passing. An interior point method finds the prices of the limits, with cars and
 * gates eliminated one by one and one block per feeder; any prices give a valid bound. Compute is taken from its point
 * and charging is solved again exactly in what compute leaves, so that the plan is feasible without tolerance.
 * @param active feeders whose limits may bind; the others' cars must already have their cheapest slots in `freeChargeKw`
 */
export function decompose(relaxation: Relaxation, active: Uint8Array, freeChargeKw: Float64Array): Decomposition {
  const owners = chargeExactly(relaxation, active, freeChargeKw, relaxation.feederCapKw, relaxation.substationCapKw);
  const layout = writeProgram(relaxation, active);
  const point = interiorPoint(layout.program, TOLERANCE);
  const gateCarsOfJob = readCompute(relaxation, layout, point.columns);
  const chargeKw = chargeAround(relaxation, active, freeChargeKw, owners.chargeKw, gateCarsOfJob);
  const prices = readPrices(relaxation, layout, point.coreDual);
  raiseToOwnerPenalty(relaxation, owners.prices, prices);
  return { chargeKw, gateCarsOfJob, prices, iterations: point.iterations };
}

/**
 * Where owners come short, the limits around them are worth the owners' penalty, which would drown the interior point
 * in rounding. It works with a lower one, and the difference is added to the limits that the owners' own flow is cut
 * off by: a sum of two dual solutions bounds the sum of two problems.
 */
function raiseToOwnerPenalty(relaxation: Relaxation, owners: LimitPrices, prices: LimitPrices): void {
  const { ownerPenaltyEurPerKwh } = relaxation.problem;
  const difference = ownerPenaltyEurPerKwh - interiorOwnerPenalty(relaxation);
  const raise = (rents: Float64Array, ownerRents: Float64Array): void => {
    for (const [cell, rent] of ownerRents.entries()) {
      if (rent > ownerPenaltyEurPerKwh / 2) rents[cell] = at(rents, cell) + difference;
    }
  };
  raise(prices.feederRentEurPerKwh, owners.feederRentEurPerKwh);
  raise(prices.substationRentEurPerKwh, owners.substationRentEurPerKwh);
}

interface ProgramLayout {
  readonly program: BlockProgram;
  /** Block of each feeder, -1 for feeders that cannot bind. */
  readonly blockOf: Int32Array;
  /** First border row of the substations' slots, and of the jobs. */
  readonly stationRow: number;
  readonly jobRow: number;
  /** What each compute column stands for. */
  readonly computeColumns: readonly { readonly column: number; readonly job: number; readonly gate: number }[];
}

function writeProgram(relaxation: Relaxation, active: Uint8Array): ProgramLayout {
  const { problem, layout } = relaxation;
  const { cars, slots, slotHours, jobs } = problem;
  const blockOf = new Int32Array(problem.feeders).fill(-1);
  let blocks = 0;
  for (let feeder = 0; feeder < problem.feeders; feeder++) if (active[feeder] === 1) blockOf[feeder] = blocks++;
  const stationRow = blocks * slots;
  const jobRow = stationRow + problem.substations * slots;
  const coreRhs = new Float64Array(jobRow + jobs.length);
  const eliminatedRhs: number[] = [];
  const columnStart: number[] = [];
  const columns = { cost: [] as number[], upper: [] as number[], rows: [] as number[], coefficients: [] as number[] };
  const add = (cost: number, upper: number, first: number, a: number, second = -1, b = 0): void => {
    columns.cost.push(cost);
    columns.upper.push(upper);
    columns.rows.push(first, second);
    columns.coefficients.push(a, b);
  };
  const coreRow = (feeder: number, t: number): number => {
    const block = at(blockOf, feeder);
    return block < 0 ? -1 : block * slots + t;
  };
  const ownerPenalty = interiorOwnerPenalty(relaxation);
  for (let car = 0; car < cars.count; car++) {
    const feeder = at(cars.feeder, car);
    if (at(blockOf, feeder) < 0 || at(relaxation.energyKwSlots, car) <= 0) continue;
    columnStart.push(columns.cost.length);
    eliminatedRhs.push(at(relaxation.energyKwSlots, car));
    const row = at(problem.regionOfFeeder, feeder) * slots;
    const first = at(layout.offset, car) - at(cars.from, car);
    for (let t = at(cars.from, car); t < at(cars.chargeUntil, car); t++) {
      const capKw = at(relaxation.chargeCapKw, first + t);
      if (capKw <= LEAST_CAP_KW) continue;
      add(at(problem.unitCostEurPerKwh, row + t) * slotHours, capKw, coreRow(feeder, t), 1);
    }
    add(ownerPenalty * slotHours, Infinity, -1, 0);
  }
  const computeColumns: { column: number; job: number; gate: number }[] = [];
  for (let gate = 0; gate < relaxation.gateCars.length; gate++) {
    if (at(relaxation.gateCars, gate) <= 0) continue;
    const t = gate % slots;
    const { feeder, region, hardwareClass } = gateRow(problem, Math.floor(gate / slots));
    const plugKw = at(problem.computePlugKw, (region * problem.classes + hardwareClass) * slots + t);
    const served = jobs.map((_, j) => shardsPerCar(problem, j, region, hardwareClass, t));
    if (served.every((shards) => shards <= 0)) continue;
    columnStart.push(columns.cost.length);
    eliminatedRhs.push(at(relaxation.gateCars, gate));
    for (const [j, shards] of served.entries()) {
      if (shards <= 0) continue;
      computeColumns.push({ column: columns.cost.length, job: j, gate });
      const eur = at(problem.unitCostEurPerKwh, region * slots + t) * plugKw * slotHours;
      add(eur, Infinity, coreRow(feeder, t), plugKw, jobRow + j, shards);
    }
    add(0, Infinity, -1, 0);
  }
  columnStart.push(columns.cost.length);
  for (let feeder = 0; feeder < problem.feeders; feeder++) {
    if (at(blockOf, feeder) < 0) continue;
    const station = at(problem.substationOfFeeder, feeder);
    for (let t = 0; t < slots; t++) {
      const capKw = at(relaxation.feederCapKw, feeder * slots + t);
      const border = station < 0 ? -1 : stationRow + station * slots + t;
      coreRhs[coreRow(feeder, t)] = capKw;
      // The slack of a feeder is what it does not draw from its substation.
      if (border >= 0) coreRhs[border] = at(coreRhs, border) - capKw;
      add(0, Infinity, coreRow(feeder, t), 1, border, -1);
    }
  }
  for (let cell = 0; cell < problem.substations * slots; cell++) {
    coreRhs[stationRow + cell] = at(coreRhs, stationRow + cell) + at(relaxation.substationCapKw, cell);
    add(0, Infinity, stationRow + cell, 1);
  }
  for (const [j, job] of jobs.entries()) {
    coreRhs[jobRow + j] = job.shards;
    add(job.penaltyEurPerShard, Infinity, jobRow + j, 1);
  }
  const program: BlockProgram = {
    cost: Float64Array.from(columns.cost),
    upper: Float64Array.from(columns.upper),
    columnStart: Int32Array.from(columnStart),
    firstRow: Int32Array.from(columns.cost, (_, c) => columns.rows[2 * c] ?? -1),
    firstCoefficient: Float64Array.from(columns.cost, (_, c) => columns.coefficients[2 * c] ?? 0),
    secondRow: Int32Array.from(columns.cost, (_, c) => columns.rows[2 * c + 1] ?? -1),
    secondCoefficient: Float64Array.from(columns.cost, (_, c) => columns.coefficients[2 * c + 1] ?? 0),
    eliminatedRhs: Float64Array.from(eliminatedRhs),
    coreRhs,
    blocks,
    blockSize: slots,
  };
  return { program, blockOf, stationRow, jobRow, computeColumns };
}

/** Ten times the highest rent that a job can cause: its penalty where it gets most shards from a kWh. */
function interiorOwnerPenalty({ problem }: Relaxation): number {
  let highest = 0.1;
  for (const cost of problem.unitCostEurPerKwh) highest = Math.max(highest, Math.abs(cost));
  for (const [j, job] of problem.jobs.entries()) {
    for (let row = 0; row < problem.regions * problem.classes; row++) {
      const region = Math.floor(row / problem.classes);
      for (let t = job.from; t < job.until; t++) {
        const shards = shardsPerCar(problem, j, region, row % problem.classes, t);
        const kwh = at(problem.computePlugKw, row * problem.slots + t) * problem.slotHours;
        if (shards > 0) highest = Math.max(highest, (job.penaltyEurPerShard * shards) / kwh);
      }
    }
  }
  return 10 * highest;
}

function readCompute(relaxation: Relaxation, layout: ProgramLayout, columns: Float64Array): Float64Array[] {
  const { problem, gateCars } = relaxation;
  const gateCarsOfJob = problem.jobs.map(() => new Float64Array(gateCars.length));
  const used = new Float64Array(gateCars.length);
  const served = new Float64Array(problem.jobs.length);
  for (const { column, job, gate } of layout.computeColumns) {
    const count = Math.min(at(columns, column), at(gateCars, gate) - at(used, gate));
    if (count < 1e-9) continue;
    const { region, hardwareClass } = gateRow(problem, Math.floor(gate / problem.slots));
    const shards = shardsPerCar(problem, job, region, hardwareClass, gate % problem.slots);
    const taken = Math.min(count, ((problem.jobs[job]?.shards ?? 0) - at(served, job)) / shards);
    if (taken <= 0) continue;
    const cars = gateCarsOfJob[job];
    if (cars) cars[gate] = taken;
    used[gate] = at(used, gate) + taken;
    served[job] = at(served, job) + taken * shards;
  }
  return gateCarsOfJob;
}

/**
 * Charges exactly in what compute leaves. The point's compute fits but for its tolerance; where owners would come
 * short, compute yields, a little at first.
 */
function chargeAround(
  relaxation: Relaxation,
  active: Uint8Array,
  freeChargeKw: Float64Array,
  ownersKw: Float64Array,
  gateCarsOfJob: readonly Float64Array[],
): Float64Array {
  const mostKwSlots = sumOf(ownersKw, 0, ownersKw.length);
  for (const keep of [1, 1 - 1e-7, 1 - 1e-5, 1 - 1e-3, 0.9]) {
    for (const gateCars of gateCarsOfJob) for (const [gate, count] of gateCars.entries()) gateCars[gate] = count * keep;
    const [feederCapKw, substationCapKw] = capsBeside(relaxation, gateCarsOfJob);
    const { chargeKw } = chargeExactly(relaxation, active, freeChargeKw, feederCapKw, substationCapKw);
    if (sumOf(chargeKw, 0, chargeKw.length) > mostKwSlots - 1e-6) return chargeKw;
  }
  for (const gateCars of gateCarsOfJob) gateCars.fill(0);
  return ownersKw;
}

function capsBeside(relaxation: Relaxation, gateCarsOfJob: readonly Float64Array[]): [Float64Array, Float64Array] {
  const { problem } = relaxation;
  const { slots } = problem;
  const feederCapKw = Float64Array.from(relaxation.feederCapKw);
  const substationCapKw = Float64Array.from(relaxation.substationCapKw);
  for (const gateCars of gateCarsOfJob) {
    for (const [gate, count] of gateCars.entries()) {
      if (count === 0) continue;
      const t = gate % slots;
      const { feeder, region, hardwareClass } = gateRow(problem, Math.floor(gate / slots));
      const kw = count * at(problem.computePlugKw, (region * problem.classes + hardwareClass) * slots + t);
      const station = at(problem.substationOfFeeder, feeder);
      feederCapKw[feeder * slots + t] = Math.max(0, at(feederCapKw, feeder * slots + t) - kw);
      if (station >= 0) {
        substationCapKw[station * slots + t] = Math.max(0, at(substationCapKw, station * slots + t) - kw);
      }
    }
  }
  return [feederCapKw, substationCapKw];
}

function chargeExactly(
  relaxation: Relaxation,
  active: Uint8Array,
  freeChargeKw: Float64Array,
  feederCapKw: Float64Array,
  substationCapKw: Float64Array,
): JointFlow {
  const { cars } = relaxation.problem;
  const energyKwSlots = Float64Array.from(relaxation.energyKwSlots);
  for (let car = 0; car < cars.count; car++) if (active[at(cars.feeder, car)] !== 1) energyKwSlots[car] = 0;
  const withoutJobs = { ...relaxation.problem, jobs: [] };
  const flow = jointFlow(
    { ...relaxation, problem: withoutJobs, energyKwSlots, feederCapKw, substationCapKw },
    new Float64Array(),
  );
  for (let car = 0; car < cars.count; car++) {
    if (active[at(cars.feeder, car)] === 1) continue;
    const [from, until] = [at(relaxation.layout.offset, car), at(relaxation.layout.offset, car + 1)];
    flow.chargeKw.set(freeChargeKw.subarray(from, until), from);
  }
  return flow;
}

function readPrices({ problem }: Relaxation, layout: ProgramLayout, coreDual: Float64Array): LimitPrices {
  const { slots, slotHours } = problem;
  const feederRent = new Float64Array(problem.feeders * slots);
  const substationRent = new Float64Array(problem.substations * slots);
  for (let cell = 0; cell < substationRent.length; cell++) {
    substationRent[cell] = Math.max(0, -at(coreDual, layout.stationRow + cell) / slotHours);
  }
  for (let feeder = 0; feeder < problem.feeders; feeder++) {
    const block = at(layout.blockOf, feeder);
    if (block < 0) continue;
    const station = at(problem.substationOfFeeder, feeder);
    for (let t = 0; t < slots; t++) {
      const above = station < 0 ? 0 : at(substationRent, station * slots + t);
      feederRent[feeder * slots + t] = Math.max(0, -at(coreDual, block * slots + t) / slotHours - above);
    }
  }
  return {
    feederRentEurPerKwh: feederRent,
    substationRentEurPerKwh: substationRent,
    jobPriceEurPerShard: Float64Array.from(problem.jobs, (_, j) => at(coreDual, layout.jobRow + j)),
  };
}

function sumOf(values: Float64Array, from: number, until: number): number {
  let sum = 0;
  for (let k = from; k < until; k++) sum += at(values, k);
  return sum;
}
