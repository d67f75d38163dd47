import { createRequire } from 'node:module';

import type * as Highs from 'highs';

import { gateRow, shardsPerCar, type Relaxation } from '../scheduler/solve/relaxation.ts';

export interface OracleResult {
  readonly costEur: number;
  readonly columns: number;
  readonly rows: number;
  readonly solveMs: number;
  /** Of the processor. */
  readonly solveCpuMs: number;
}

interface Triplets {
  readonly rows: number[];
  readonly values: number[];
}

/**
 * Solves relaxations with HiGHS as a second opinion: the same problem written out as one sparse linear program, with
 * what is left unmet as columns that cost the penalty. Shares only the problem's columns with the planner.
 */
export async function createOracle(): Promise<(relaxation: Relaxation, solver?: 'ipm' | 'simplex') => OracleResult> {
  // The package is CommonJS with a default export that TypeScript's NodeNext resolution does not see.
  const load = createRequire(import.meta.url)('highs') as typeof Highs.default.default; // oxlint-disable-line typescript/no-unsafe-type-assertion
  const highs = await load();
  return (relaxation, solver = 'ipm') => {
    const program = writeProgram(relaxation);
    const startedMs = performance.now();
    const cpuBefore = process.cpuUsage();
    return highs.withModel(program.model, (model) => {
      model.options.set({
        output_flag: false,
        solver,
        primal_feasibility_tolerance: 1e-9,
        dual_feasibility_tolerance: 1e-9,
        ipm_optimality_tolerance: 1e-10,
      });
      model.run();
      const status = model.getModelStatus();
      if (status !== 7) throw new Error(`HiGHS ended with status ${status}.`);
      return {
        costEur: model.getObjectiveValue() + relaxation.fixedCostEur,
        columns: program.model.numCols,
        rows: program.model.numRows,
        solveMs: performance.now() - startedMs,
        solveCpuMs: cpuMs(cpuBefore),
      };
    });
  };
}

/** Processor time since then, which other work on the machine lengthens less than it does the clock's. */
export function cpuMs(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function writeProgram(relaxation: Relaxation) {
  const { problem, layout } = relaxation;
  const { cars, slots, slotHours, jobs } = problem;
  const row = {
    car: 0,
    feeder: cars.count,
    station: cars.count + problem.feeders * slots,
    gate: cars.count + (problem.feeders + problem.substations) * slots,
    job: cars.count + (problem.feeders + problem.substations) * slots + relaxation.gateCars.length,
  };
  const numRows = row.job + jobs.length;
  const colCost: number[] = [];
  const colUpper: number[] = [];
  const starts: number[] = [0];
  const entries: Triplets = { rows: [], values: [] };
  const column = (cost: number, upper: number, cells: readonly (readonly [number, number])[]): void => {
    colCost.push(cost);
    colUpper.push(upper);
    for (const [index, value] of cells) {
      entries.rows.push(index);
      entries.values.push(value);
    }
    starts.push(entries.rows.length);
  };
  const loadCells = (feeder: number, t: number, kw: number): [number, number][] => {
    const station = problem.substationOfFeeder[feeder] ?? -1;
    const cells: [number, number][] = [[row.feeder + feeder * slots + t, kw]];
    if (station >= 0) cells.push([row.station + station * slots + t, kw]);
    return cells;
  };
  const unitCost = (feeder: number, t: number): number =>
    problem.unitCostEurPerKwh[(problem.regionOfFeeder[feeder] ?? 0) * slots + t] ?? 0;
  for (let car = 0; car < cars.count; car++) {
    const feeder = cars.feeder[car] ?? 0;
    const first = (layout.offset[car] ?? 0) - (cars.from[car] ?? 0);
    for (let t = cars.from[car] ?? 0; t < (cars.chargeUntil[car] ?? 0); t++) {
      column((relaxation.chargeCostEurPerKwh[first + t] ?? 0) * slotHours, relaxation.chargeCapKw[first + t] ?? 0, [
        [row.car + car, 1],
        ...loadCells(feeder, t, 1),
      ]);
    }
    column(problem.ownerPenaltyEurPerKwh * slotHours, Infinity, [[row.car + car, 1]]);
  }
  for (let gate = 0; gate < relaxation.gateCars.length; gate++) {
    const count = relaxation.gateCars[gate] ?? 0;
    if (count <= 0) continue;
    const t = gate % slots;
    const { feeder, region, hardwareClass } = gateRow(problem, Math.floor(gate / slots));
    const plugKw = problem.computePlugKw[(region * problem.classes + hardwareClass) * slots + t] ?? 0;
    for (let j = 0; j < jobs.length; j++) {
      const shards = shardsPerCar(problem, j, region, hardwareClass, t);
      if (shards <= 0) continue;
      column(unitCost(feeder, t) * plugKw * slotHours, Infinity, [
        ...loadCells(feeder, t, plugKw),
        [row.gate + gate, 1],
        [row.job + j, shards],
      ]);
    }
  }
  for (const [j, job] of jobs.entries()) column(job.penaltyEurPerShard, Infinity, [[row.job + j, 1]]);
  const rowLower = new Float64Array(numRows).fill(-Infinity);
  const rowUpper = new Float64Array(numRows);
  rowUpper.set(relaxation.feederCapKw, row.feeder);
  rowUpper.set(relaxation.substationCapKw, row.station);
  rowUpper.set(relaxation.gateCars, row.gate);
  for (let car = 0; car < cars.count; car++) {
    rowLower[car] = relaxation.energyKwSlots[car] ?? 0;
    rowUpper[car] = relaxation.energyKwSlots[car] ?? 0;
  }
  for (const [j, job] of jobs.entries()) {
    rowLower[row.job + j] = job.shards;
    rowUpper[row.job + j] = job.shards;
  }
  return {
    model: {
      numCols: colCost.length,
      numRows,
      colCost: Float64Array.from(colCost),
      colLower: new Float64Array(colCost.length),
      colUpper: Float64Array.from(colUpper),
      rowLower,
      rowUpper,
      matrix: {
        format: 'csc' as const,
        numRows,
        numCols: colCost.length,
        starts: Int32Array.from(starts),
        indices: Int32Array.from(entries.rows),
        values: Float64Array.from(entries.values),
      },
    },
  };
}
