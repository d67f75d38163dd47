/**
 * A cell's planning in the product's own path, from rows in PostgreSQL to orders published, on a generated database:
 * cars at the plug with habits, policies and telemetry, feeders of which some are full, prices and limits, jobs. The
 * solver runs in a process of its own, as in a cell; orders go to a link that writes them as a broker's client would and
 * sends them nowhere. Goal: 100,000 cars in 15 s and 1.5 GB.
 *
 *     npm run bench:cell -- [--cars 1000,10000,100000] [--cars-per-feeder 200] [--picture docs/cell-growth.svg]
 */
import { sliceSignerWith } from '../store/sliceAccess.ts';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { createPlanActivities } from '../activities/plan/planActivities.ts';
import { REAL_TIME } from '../domain/clock.ts';
import { readCellState } from '../planning/cellState.ts';
import { partsOfCell } from '../planning/planningProblem.ts';
import { openDatabase } from '../store/database.ts';
import { startPlanner } from '../worker/control/planner.ts';
import { drawGrowth, type GrowthPoint } from './growthPicture.ts';
import { generateCell } from './support/generatedCell.ts';
import { temporaryDatabase } from './support/temporaryDatabase.ts';

const { values } = parseArgs({
  options: {
    cars: { type: 'string', default: '1000,10000,100000' },
    'cars-per-feeder': { type: 'string', default: '200' },
    picture: { type: 'string' },
  },
});
const WEIGHTS = { carbonEurPerKg: 0.08, missingEurPerKwh: 0.6 };
const SOLVER_LIMIT_MS = 300_000;
const SLOT_MINUTES = 15;
const WARM_UP_CARS = 400;
const MEGABYTE = 2 ** 20;
const PAGE_BYTES = 4_096;

const postgres = await temporaryDatabase();
const database = openDatabase({ url: postgres.url });
const planner = startPlanner(SOLVER_LIMIT_MS);
const wholes: GrowthPoint[] = [];
const solves: GrowthPoint[] = [];
try {
  // A cell's solver has run before: its process is started, and its code compiled, by a small cell that is not told of.
  await measure(WARM_UP_CARS);
  console.log(
    '| cars | read rows s | build problem s | solve s | all of planCell s | publish s | rows to orders s | MB | MB of the solver | plan stored MB | dispatch kB |',
  );
  console.log('|---|---|---|---|---|---|---|---|---|---|---|');
  for (const cars of values.cars.split(',').map(Number)) {
    const { row, wholeS, solveS } = await measure(cars);
    wholes.push({ cars, seconds: wholeS });
    solves.push({ cars, seconds: solveS });
    console.log(`| ${row.join(' | ')} |`);
  }
  console.log(`load average ${loadavg()[0]?.toFixed(1)}`);
  if (values.picture !== undefined)
    await writeFile(
      values.picture,
      drawGrowth([
        { name: 'rows to orders', points: wholes },
        { name: 'of it the solver', points: solves },
      ]),
    );
} finally {
  await planner.close();
  await database.close();
  await postgres.stop();
}

async function measure(cars: number): Promise<{ row: unknown[]; wholeS: number; solveS: number }> {
  const cellId = `cell-${cars}`;
  const slotStartMs = Date.UTC(2026, 0, 14, 20);
  await generateCell(database, { cellId, cars, carsPerFeeder: Number(values['cars-per-feeder']), slotStartMs });
  let solveMs = 0;
  let publishedBytes = 0;
  let published = 0;
  let highestBytes = 0;
  let solverBytes = 0;
  const watch = setInterval(() => {
    highestBytes = Math.max(highestBytes, process.memoryUsage().rss);
    solverBytes = Math.max(solverBytes, residentBytesOf('plannerProcess'));
  }, 100);
  const activities = createPlanActivities({
    database,
    vehicles: {
      publish: async (_, payload) => {
        publishedBytes += Buffer.byteLength(JSON.stringify(payload));
        published++;
      },
      withdraw: async () => undefined,
    },
    tellSession: async () => undefined,
    plan: async (problem, previous) => {
      const begunMs = performance.now();
      const plan = await planner.plan(problem, previous);
      solveMs += performance.now() - begunMs;
      return plan;
    },
    weights: WEIGHTS,
    gridNowMs: () => slotStartMs,
    carAccess: { url: 'http://127.0.0.1', signer: sliceSignerWith('none of this is handed out') },
    now: Date.now,
  });
  const cell = { id: cellId, clock: REAL_TIME, slotMinutes: SLOT_MINUTES };
  const [state, readS] = await timed(() => readCellState(database, cell, slotStartMs));
  const [, buildS] = await timed(async () => partsOfCell(state, WEIGHTS));
  const [dispatch, planS] = await timed(() => activities.planCell({ cellId, slotStartMs, cause: 'bench' }));
  const [, publishS] = await timed(() => activities.publishSetpoints({ planId: dispatch.planId }));
  clearInterval(watch);
  if (published !== cars) throw new Error(`${published} of ${cars} cars were given orders`);
  const [stored] = await database.query<{ bytes: number }>(
    `select octet_length(problem_cars) + octet_length(plan_cars) + pg_column_size(problem) + pg_column_size(plan) as bytes
     from plans where id = $1`,
    [dispatch.planId],
  );
  const row = [
    cars.toLocaleString('en'),
    readS.toFixed(2),
    buildS.toFixed(2),
    (solveMs / 1000).toFixed(2),
    planS.toFixed(2),
    publishS.toFixed(2),
    (planS + publishS).toFixed(2),
    Math.round(highestBytes / MEGABYTE),
    Math.round(solverBytes / MEGABYTE) || 'unknown',
    ((stored?.bytes ?? 0) / MEGABYTE).toFixed(1),
    (JSON.stringify(dispatch).length / 1024).toFixed(1),
  ];
  return { row, wholeS: planS + publishS, solveS: solveMs / 1000 };
}

/** Memory of our child whose command line names the module, where the system has /proc; else 0. */
function residentBytesOf(module: string): number {
  try {
    const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim().split(' ');
    const child = children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(module));
    const pages = child === undefined ? '0' : readFileSync(`/proc/${child}/statm`, 'utf8').split(' ')[1];
    return Number(pages) * PAGE_BYTES;
  } catch {
    return 0;
  }
}

async function timed<Result>(work: () => Promise<Result>): Promise<readonly [Result, number]> {
  const begunMs = performance.now();
  const result = await work();
  return [result, (performance.now() - begunMs) / 1000];
}
