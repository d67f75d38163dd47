/**
 * Speed of the planner's core: cars x 96 slots x 5 jobs on one feeder, against HiGHS ipm in the same run; and many
 * feeders, from scratch, from the last prices, and the last prices' certificate alone, with one thread and with two.
 *
 *     npm run bench:planner-speed -- [--cars 2000] [--fleet 10000] [--feeders 50]
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';

import { compileProblem } from '../scheduler/compile.ts';
import { planningProblemSchema, type PlanningProblemInput } from '../scheduler/problem.ts';
import { randomProblem } from '../scheduler/randomProblem.ts';
import { createSetpoints } from '../scheduler/realise/setpoints.ts';
import { lowerBound } from '../scheduler/solve/lowerBound.ts';
import { relax, type Relaxation } from '../scheduler/solve/relaxation.ts';
import { solveRelaxation } from '../scheduler/solve/solveRelaxation.ts';
import { startSolverThreads } from '../worker/control/solverCrew.ts';
import { cpuMs, createOracle } from './highsOracle.ts';

const SLOTS = 96;

const { values } = parseArgs({
  options: {
    cars: { type: 'string', default: '2000' },
    fleet: { type: 'string', default: '10000' },
    feeders: { type: 'string', default: '50' },
  },
});
const RUNS = 3;

/** Several runs, best of each: the machine is shared. */
async function againstHighs(): Promise<void> {
  const oracle = await createOracle();
  const rows = [];
  for (const [name, uniform] of [
    ['one overhead (max flow)', true],
    ['three classes (decomposition)', false],
  ] as const) {
    const raw = randomProblem({
      cars: Number(values.cars),
      slots: SLOTS,
      feeders: 1,
      jobs: 5,
      seed: 1,
      feederShare: 0.15,
    });
    if (uniform) {
      for (const region of raw.regions) region.plugKwPerChipKw = region.ambientCelsius.map(() => 1.6);
      raw.hardwareClasses = raw.hardwareClasses?.map((hardware) => ({ ...hardware, chipKw: 0.4 })) ?? [];
      for (const car of raw.cars) delete car.survival;
      for (const job of raw.jobs ?? []) for (const entry of job.classes) entry.shardMinutes = 8;
    }
    const relaxation = relaxationOf(raw);
    let planMs = Infinity;
    let planCpuMs = Infinity;
    let solved = solveRelaxation(relaxation);
    for (let run = 0; run < 4; run++) {
      const startedMs = performance.now();
      const cpuBefore = process.cpuUsage();
      solved = solveRelaxation(relaxation);
      planMs = Math.min(planMs, performance.now() - startedMs);
      planCpuMs = Math.min(planCpuMs, cpuMs(cpuBefore));
    }
    const first = oracle(relaxation);
    const second = oracle(relaxation);
    const highsMs = Math.min(first.solveMs, second.solveMs);
    const highsCpuMs = Math.min(first.solveCpuMs, second.solveCpuMs);
    rows.push({
      name,
      method: solved.method,
      columns: first.columns,
      rows: first.rows,
      planMs: Math.round(planMs),
      highsMs: Math.round(highsMs),
      ratio: Number((highsMs / planMs).toFixed(1)),
      planCpuMs: Math.round(planCpuMs),
      highsCpuMs: Math.round(highsCpuMs),
      cpuRatio: Number((highsCpuMs / planCpuMs).toFixed(1)),
      difference: (Math.abs(solved.costEur - first.costEur) / first.costEur).toExponential(1),
    });
  }
  console.table(rows);
  console.log(`load average ${loadavg()[0]?.toFixed(1)}`);
}

/** Best of several runs, after one that compiles. */
async function manyFeeders(): Promise<void> {
  const cars = Number(values.fleet);
  const raw = randomProblem({ cars, slots: SLOTS, feeders: Number(values.feeders), jobs: 5, seed: 1 });
  const relaxation = relaxationOf(raw);
  const threads = startSolverThreads({ count: 1 });
  await threads.ready;
  const { prices } = solveRelaxation(relaxation);
  const rows = [];
  for (const [name, gather] of [
    ['one thread', undefined],
    ['two threads', threads.gather],
  ] as const) {
    const scratch = best(() => solveRelaxation(relaxation, undefined, gather));
    const last = best(() => solveRelaxation(relaxation, prices, gather));
    const { costEur, lowerBoundEur } = scratch.result;
    rows.push({
      name,
      cars,
      scratchMs: scratch.wallMs,
      lastPricesMs: last.wallMs,
      certificateMs: best(() => lowerBound(relaxation, prices)).wallMs,
      gap: ((costEur - lowerBoundEur) / costEur).toExponential(1),
      residentMb: Math.round(process.memoryUsage().rss / 2 ** 20),
    });
  }
  await threads.close();
  console.table(rows);
  console.log(`load average ${loadavg()[0]?.toFixed(1)}`);
}

function best<Result>(work: () => Result): { readonly wallMs: number; readonly result: Result } {
  let result = work();
  let wallMs = Infinity;
  for (let run = 0; run < RUNS; run++) {
    const startedMs = performance.now();
    result = work();
    wallMs = Math.min(wallMs, Math.round(performance.now() - startedMs));
  }
  return { wallMs, result };
}

function relaxationOf(raw: PlanningProblemInput): Relaxation {
  const problem = compileProblem(planningProblemSchema.parse(raw));
  const layout = createSetpoints(problem.cars);
  return relax(problem, layout, new Float64Array(layout.chargeKw.length));
}

await manyFeeders();
if (Number(values.cars) > 0) await againstHighs();
