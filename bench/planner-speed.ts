/**
 * Speed and memory of the planner.
 *   npx tsx bench/planner-speed.ts highs            2,000 cars x 96 slots x 5 jobs, against HiGHS ipm in the same run
 *   npx tsx bench/planner-speed.ts fleet [cars] [feeders] [rounds]   one fleet, setpoints of every car written out
 *   npx tsx bench/planner-speed.ts growth [svg]     1,000 to 1,000,000 cars, 5,000 a feeder and under one limit
 */
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { compileProblem } from '../scheduler/compile.ts';
import { planFleet } from '../scheduler/fleet/planFleet.ts';
import { planningProblemSchema } from '../scheduler/problem.ts';
import { randomProblem } from '../scheduler/randomProblem.ts';
import { createSetpoints } from '../scheduler/realise/setpoints.ts';
import { relax } from '../scheduler/solve/relaxation.ts';
import { solveRelaxation } from '../scheduler/solve/solveRelaxation.ts';
import { drawGrowth } from './growthPicture.ts';
import { createOracle } from './highsOracle.ts';
import { randomFleet } from './randomFleet.ts';

const SLOTS = 96;

function measureFleet(count: number, feeders: number, rounds: number) {
  const problem = randomFleet(count, feeders, 1);
  const startedMs = performance.now();
  const before = process.cpuUsage();
  const plan = planFleet(problem, rounds);
  const used = process.cpuUsage(before);
  const seconds = (performance.now() - startedMs) / 1000;
  return {
    cars: count,
    feeders,
    rounds,
    binding: plan.feedersThatBind,
    seconds: Number(seconds.toFixed(2)),
    // What other work on the machine does not change, or not much.
    cpuSeconds: Number(((used.user + used.system) / 1e6).toFixed(2)),
    setpoints: plan.chargeKw.length,
    gap: ((plan.costEur - plan.lowerBoundEur) / plan.lowerBoundEur).toExponential(1),
    costEur: Number(plan.costEur.toFixed(2)),
    peakMb: Math.round(process.resourceUsage().maxRSS / 1024),
  };
}

/** Several runs, best of each: the machine is shared. */
async function againstHighs(): Promise<void> {
  const oracle = await createOracle();
  const rows = [];
  for (const [name, uniform] of [
    ['one overhead (max flow)', true],
    ['three classes (decomposition)', false],
  ] as const) {
    const raw = randomProblem({ cars: 2000, slots: SLOTS, feeders: 1, jobs: 5, seed: 1, feederShare: 0.15 });
    if (uniform) {
      for (const region of raw.regions) region.plugKwPerChipKw = region.ambientCelsius.map(() => 1.6);
      raw.hardwareClasses = raw.hardwareClasses?.map((hardware) => ({ ...hardware, chipKw: 0.4 })) ?? [];
      for (const car of raw.cars) delete car.survival;
      for (const job of raw.jobs ?? []) for (const entry of job.classes) entry.shardMinutes = 8;
    }
    const problem = compileProblem(planningProblemSchema.parse(raw));
    const layout = createSetpoints(problem.cars);
    const relaxation = relax(problem, layout, new Float64Array(layout.chargeKw.length));
    let planMs = Infinity;
    let solved = solveRelaxation(relaxation);
    for (let run = 0; run < 4; run++) {
      const startedMs = performance.now();
      solved = solveRelaxation(relaxation);
      planMs = Math.min(planMs, performance.now() - startedMs);
    }
    const first = oracle(relaxation);
    const second = oracle(relaxation);
    const highsMs = Math.min(first.solveMs, second.solveMs);
    rows.push({
      name,
      method: solved.method,
      columns: first.columns,
      rows: first.rows,
      planMs: Math.round(planMs),
      highsMs: Math.round(highsMs),
      ratio: Number((highsMs / planMs).toFixed(1)),
      difference: (Math.abs(solved.costEur - first.costEur) / first.costEur).toExponential(1),
    });
  }
  console.table(rows);
}

type FleetRow = ReturnType<typeof measureFleet>;

/** Each fleet in a process of its own, since the peak of memory is the process's. */
function measureApart(cars: number, feeders: number, rounds: number): FleetRow {
  const self = fileURLToPath(import.meta.url);
  const asked = [cars, feeders, rounds].map(String);
  return JSON.parse(execFileSync(process.execPath, ['--import', 'tsx', self, 'row', ...asked], { encoding: 'utf8' }));
}

async function growth(file: string | undefined): Promise<void> {
  const sizes = [1000, 10_000, 100_000, 1_000_000];
  const rows = {
    '5,000 cars a feeder': sizes.map((cars) => measureApart(cars, Math.max(1, cars / 5000), 0)),
    'all under one limit': sizes.map((cars) => measureApart(cars, 1, 1)),
  };
  console.table(Object.values(rows).flat());
  const lines = Object.entries(rows).map(([name, points]) => ({ name, points }));
  if (file !== undefined) await writeFile(file, drawGrowth(lines));
}

const [mode = 'highs', first, second, third] = process.argv.slice(2);
const asked = [Number(first ?? 1_000_000), Number(second ?? 200), Number(third ?? 0)] as const;
if (mode === 'highs') await againstHighs();
if (mode === 'fleet') console.table([measureFleet(...asked)]);
if (mode === 'row') console.log(JSON.stringify(measureFleet(...asked)));
if (mode === 'growth') await growth(first);
