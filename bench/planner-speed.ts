/**
 * Speed and memory of the planner.
 *   npx tsx bench/planner-speed.ts highs            2,000 cars x 96 slots x 5 jobs, against HiGHS ipm in the same run
 *   npx tsx bench/planner-speed.ts fleet [cars] [feeders] [rounds]   one fleet, setpoints of every car written out
 *   npx tsx bench/planner-speed.ts growth           1,000 to 1,000,000 cars, 5,000 a feeder and under one limit
 */
import { compileProblem, type CompiledProblem } from '../scheduler/compile.ts';
import { planFleet } from '../scheduler/fleet/planFleet.ts';
import { planningProblemSchema } from '../scheduler/problem.ts';
import { randomProblem, seededRandom } from '../scheduler/randomProblem.ts';
import { createSetpoints } from '../scheduler/realise/setpoints.ts';
import { relax } from '../scheduler/solve/relaxation.ts';
import { solveRelaxation } from '../scheduler/solve/solveRelaxation.ts';
import { createOracle } from './highsOracle.ts';

const SLOTS = 96;
const FEEDER_SHARE = 0.2;

/** A fleet in columns, without a JSON object per car. */
export function randomFleet(count: number, feeders: number, seed: number): CompiledProblem {
  const random = seededRandom(seed);
  // Prices, overheads and jobs of the night come from a problem with a few cars.
  const base = compileProblem(
    planningProblemSchema.parse(randomProblem({ cars: 2, slots: SLOTS, feeders: 2, jobs: 5, seed })),
  );
  const cars = {
    count,
    feeder: Int32Array.from({ length: count }, (_, car) => car % feeders),
    hardwareClass: new Int32Array(count),
    from: new Int32Array(count),
    chargeUntil: new Int32Array(count),
    until: new Int32Array(count),
    maxKw: new Float64Array(count),
    minKw: new Float64Array(count),
    energyKwSlots: new Float64Array(count),
    minimumKwSlots: new Float64Array(count),
    efficiency: new Float64Array(count).fill(0.89),
  };
  const chargerKw = new Float64Array(feeders);
  for (let car = 0; car < count; car++) {
    const from = Math.floor(random() * random() * SLOTS * 0.4);
    const until = SLOTS - Math.floor(random() * SLOTS * 0.35);
    const maxKw = [3.7, 7.4, 11][Math.floor(random() * 3)] ?? 11;
    cars.from[car] = from;
    cars.until[car] = until;
    cars.chargeUntil[car] = Math.max(from + 1, until - Math.floor(random() * 4));
    cars.hardwareClass[car] = Math.floor(random() * base.classes);
    cars.maxKw[car] = maxKw;
    const window = (cars.chargeUntil[car] ?? 0) - from;
    cars.energyKwSlots[car] = Math.min((8 + 22 * random()) / 0.89 / base.slotHours, 0.9 * window * maxKw);
    chargerKw[car % feeders] = (chargerKw[car % feeders] ?? 0) + maxKw;
  }
  const feederCapKw = new Float64Array(feeders * SLOTS);
  for (let cell = 0; cell < feederCapKw.length; cell++) {
    feederCapKw[cell] = (chargerKw[Math.floor(cell / SLOTS)] ?? 0) * FEEDER_SHARE * (0.9 + 0.2 * random());
  }
  return {
    ...base,
    feeders,
    substations: 0,
    regionOfFeeder: Int32Array.from({ length: feeders }, (_, feeder) => feeder % base.regions),
    substationOfFeeder: new Int32Array(feeders).fill(-1),
    feederCapKw,
    substationCapKw: new Float64Array(),
    jobs: base.jobs.map((job) => ({ ...job, shards: count * 0.6 })),
    cars: { ...cars, computeShare: () => 1, survival: () => 1 },
  };
}

function measureFleet(count: number, feeders: number, rounds = 3) {
  const problem = randomFleet(count, feeders, 1);
  const startedMs = performance.now();
  const plan = planFleet(problem, rounds);
  const seconds = (performance.now() - startedMs) / 1000;
  return {
    cars: count,
    feeders,
    binding: plan.feedersThatBind,
    seconds: Number(seconds.toFixed(2)),
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

if (process.argv[1]?.endsWith('planner-speed.ts')) await main();

async function main() {
  const [mode = 'highs', first, second, third] = process.argv.slice(2);
  if (mode === 'highs') await againstHighs();
  if (mode === 'fleet')
    console.table([measureFleet(Number(first ?? 1_000_000), Number(second ?? 200), Number(third ?? 3))]);
  if (mode === 'growth') {
    for (const count of [1000, 10_000, 100_000, 1_000_000]) {
      console.table([measureFleet(count, Math.max(1, count / 5000)), measureFleet(count, 1)]);
    }
  }
}
