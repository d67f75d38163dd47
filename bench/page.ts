/**
 * The page with 10,000 cars against the page with 100: how long its frames take while the list of cars is scrolled and the state
 * of many cars changes every second. A frame that takes more than 50 ms is one that people feel. Goal: no more of them with
 * 10,000 cars than with 100, and the 99th percentile at most 1.5 times as long.
 *
 *     npm run bench:page -- [--cars 10000] [--seconds 10] [--rounds 3]
 *
 * Needs a Chromium: CHROMIUM_PATH names one that lies elsewhere.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Browser } from 'playwright-core';
import { createFileStore } from '../store/objects/fileStore.ts';
import { openDatabase } from '../store/database.ts';
import { updateClaims } from '../store/vehicleClaims.ts';
import { CELL, enrolFleet } from '../test/support/fleetFixture.ts';
import { builtPage, CHROMIUM, launchBrowser, openPage } from '../test/web/browser.ts';
import type { PageFiles } from '../api/http/pageFiles.ts';
import { median } from './median.ts';
import { BENCH_KEY, startBenchApi } from './support/benchApi.ts';
import { temporaryDatabase } from './support/temporaryDatabase.ts';

const { values } = parseArgs({
  options: {
    cars: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '3' },
  },
});
const [cars, seconds, rounds] = [Number(values.cars), Number(values.seconds), Number(values.rounds)];
/** As few as fill the list, so that it is scrolled, too. */
const FEW = 100;
/** A brisk turn of the wheel. */
const PX_PER_MS = 3;
/** Of the cars, whose state changes each second. */
const CHANGING_SHARE = 0.02;
const FELT_MS = 50;

if (CHROMIUM === undefined) throw new Error('There is no Chromium. CHROMIUM_PATH names one that lies elsewhere.');

interface Frames {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly felt: number;
  readonly count: number;
}

const folder = await mkdtemp(join(tmpdir(), 'nightshift-bench-page-'));
const kept = await temporaryDatabase();
const database = openDatabase({ url: kept.url });
const page = await builtPage();
const browser = await launchBrowser();
try {
  const measured: { few: Frames; many: Frames }[] = [];
  for (let round = 0; round < rounds; round++) {
    const [few, many] = [await framesOf(browser, page, FEW), await framesOf(browser, page, cars)];
    measured.push({ few, many });
    console.log(`round ${round + 1}: ${FEW} cars ${shown(few)}; ${cars} cars ${shown(many)}`);
  }
  const ratio = median(measured.map(({ few, many }) => many.p99Ms / few.p99Ms));
  const felt = median(measured.map(({ few, many }) => many.felt - few.felt));
  console.log(
    `99th percentile: ${ratio.toFixed(2)} times that of ${FEW} cars (goal 1.5); ${felt} more frames felt (goal 0)`,
  );
} finally {
  await browser.close();
  await database.close();
  await kept.stop();
  await rm(folder, { recursive: true, force: true });
}

function shown({ p50Ms, p99Ms, felt, count }: Frames): string {
  return `${p50Ms.toFixed(1)} ms, 99 % below ${p99Ms.toFixed(1)} ms, ${felt} of ${count} frames above ${FELT_MS} ms`;
}

/** Frames of the operator's page while it is scrolled and cars change. */
async function framesOf(of: Browser, files: PageFiles, count: number): Promise<Frames> {
  const nothing = { infer: async () => [], generate: async () => ({ statusCode: 500, body: {} }) };
  const server = await startBenchApi(database, createFileStore(folder), nothing, { id: CELL.id, page: files });
  try {
    await enrolMany(count);
    const { page: shownPage } = await openPage(of, { viewport: { width: 1440, height: 1000 } });
    await shownPage.goto(`${server.url}/#key=${BENCH_KEY}`);
    await shownPage.getByText(`${count.toLocaleString('en')} cars`, { exact: true }).waitFor();
    const stopped = new AbortController();
    const changing = changeCars(count, stopped.signal);
    const frames = await shownPage.evaluate<number[]>(measuring(seconds * 1_000));
    stopped.abort();
    await changing;
    await shownPage.close();
    const sorted = frames.toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
    return {
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      felt: frames.filter((ms) => ms > FELT_MS).length,
      count: frames.length,
    };
  } finally {
    await server.close();
  }
}

/** These and no others. */
async function enrolMany(count: number): Promise<void> {
  await database.query('delete from vehicles');
  await enrolFleet(database, ['car-1']);
  await database.query(
    `insert into vehicles (id, region_id, feeder_id, owner_id, display_name, car_model, hardware_class, battery_kwh, charger, policy)
     select 'many-' || n, region_id, feeder_id, 'many', 'Many ' || n, car_model, hardware_class, battery_kwh, charger, policy
     from vehicles, generate_series(1, $1::int) n where id = 'car-1'`,
    [count - 1],
  );
}

/** Once a second, some cars begin or end to charge, as a plan has them. */
async function changeCars(count: number, signal: AbortSignal): Promise<void> {
  const some = Math.max(1, Math.round(count * CHANGING_SHARE));
  for (let turn = 0; !signal.aborted; turn++) {
    const condition = { plug: 'plugged', online: true, chargeKw: turn % 2 === 0 ? 7 : 0, computeKw: 0 } as const;
    await updateClaims(
      database,
      Array.from({ length: Math.min(some, count - 1) }, (_, index) => ({
        vehicleId: `many-${((turn * some + index) % (count - 1)) + 1}`,
        atMs: Date.now(),
        source: 'plan' as const,
        reasons: [],
        condition,
      })),
    );
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

/** Runs in the page: scrolls the list up and down, and gives the times between frames, ms. A text, since it is not compiled. */
function measuring(forMs: number): string {
  return `new Promise((resolve) => {
    const list = document.querySelector('.car-rows');
    const frames = [];
    const startMs = performance.now();
    let lastMs = startMs;
    const frame = (nowMs) => {
      frames.push(nowMs - lastMs);
      lastMs = nowMs;
      const height = list.scrollHeight - list.clientHeight;
      const gone = ((nowMs - startMs) * ${PX_PER_MS}) % (2 * height);
      list.scrollTop = gone < height ? gone : 2 * height - gone;
      if (nowMs - startMs > ${forMs}) resolve(frames.slice(1));
      else requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  })`;
}
