import { HOUR_MS, MINUTE_MS } from '../../domain/durations.ts';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gridTimeMs, type Clock } from '../../domain/clock.ts';
import type { Plan } from '../../scheduler/plan.ts';
import type { PlanningProblem } from '../../scheduler/problem.ts';
import { slotStartMs } from '../../scheduler/time.ts';
import { listFeederEnergy } from '../../store/feederMeters.ts';
import { latestPlan } from '../../store/plans.ts';
import { readSignals } from '../../store/signals.ts';
import { eventually } from '../support/eventually.ts';
import { FeederWatch } from './support/feederWatch.ts';
import { FAIL_SAFE_KW, gridNight } from './support/gridNight.ts';
import { Stack } from './support/stack.ts';
import { interval, Utility } from './support/utility.ts';

const SLOT_MS = 15 * MINUTE_MS;
const REQUESTS = 60;
/** What two cars do well within the cheap time. */
const FEW_REQUESTS = 24;
const CHEAP_MINUTES = 45;
const REGIONS = ['price', 'shed', 'limit'] as const;
/** Real time; a busy machine is slow. */
const SOON_MS = 30_000;
/** A car's charge power is stated to the watt. */
const ROUNDING_KW = 0.01;

let stack: Stack;
let clock: Clock;
let watch: FeederWatch;
const utilities = new Map<string, Utility>();
const cars = new Map<string, string[]>();

beforeAll(async () => {
  stack = await Stack.start(gridNight());
  ({ clock } = await stack.cell());
  watch = await FeederWatch.start(await stack.mqttUrl(), clock);
  for (const region of REGIONS) {
    utilities.set(region, await Utility.connect(stack, clock, region));
    const rows = await stack.database.query<{ id: string }>('select id from vehicles where region_id = $1', [region]);
    cars.set(
      region,
      rows.map(({ id }) => id),
    );
  }
  await eventually('the stack follows the utilities', SOON_MS, async () =>
    [...utilities.values()].every(({ isFollowed }) => isFollowed) ? true : undefined,
  );
}, 180_000);
afterAll(async () => {
  await watch?.close();
  await stack?.remove();
  await Promise.all([...utilities.values()].map(({ vtn }) => vtn.close()));
}, 60_000);

const now = (): number => gridTimeMs(clock, Date.now());
const nextSlotMs = (after: number): number => Math.ceil((now() + after) / SLOT_MS) * SLOT_MS;
const carsOf = (region: string): string[] => cars.get(region) ?? [];
function utilityOf(region: string): Utility {
  const utility = utilities.get(region);
  if (!utility) throw new Error(`no utility speaks for ${region}`);
  return utility;
}
const until = (what: string, gridMs: number) =>
  eventually(what, (gridMs - now()) / clock.scale + SOON_MS, async () => (now() >= gridMs ? true : undefined));

/** Starts of the slots in which the newest plan runs shards of the batch. */
const isIn = (slotMs: number, startMs: number): boolean =>
  startMs <= slotMs && slotMs < startMs + CHEAP_MINUTES * MINUTE_MS;

async function plannedSlots(batchId: string): Promise<number[]> {
  const stored = await latestPlan<PlanningProblem, Plan>(stack.database, 'calm-night');
  const { plan } = stored ?? {};
  return (plan?.grants ?? [])
    .filter(({ jobId }) => jobId === batchId)
    .map(({ slot }) => (plan ? slotStartMs(plan.slots, slot) : 0));
}

test.concurrent('a price event moves work to another slot', { timeout: 120_000 }, async () => {
  const { vtn } = utilityOf('price');
  const [firstMs, secondMs] = [nextSlotMs(75 * MINUTE_MS), nextSlotMs(150 * MINUTE_MS)];
  /** Dear for hours, but for a while. */
  const prices = (cheapMs: number) => [
    interval(0, now(), (cheapMs - now()) / MINUTE_MS, 'PRICE', 2),
    interval(1, cheapMs, CHEAP_MINUTES, 'PRICE', 0.01),
    interval(2, cheapMs + CHEAP_MINUTES * MINUTE_MS, 600, 'PRICE', 2),
  ];
  const { id } = utilityOf('price').send({ eventName: 'Cheap soon', intervals: prices(firstMs) });
  await eventually('the price is known', SOON_MS, async () => {
    const known = await readSignals(stack.database, 'price', { startMs: firstMs, endMs: firstMs + 1 }, ['price']);
    return known.some(({ source }) => source.startsWith('openadr/')) || undefined;
  });
  const batchId = await stack.submit(FEW_REQUESTS, 'price');
  const movedTo = (startMs: number) => async () => {
    const slots = await plannedSlots(batchId);
    return (slots.length > 0 && slots.every((slotMs) => isIn(slotMs, startMs))) || undefined;
  };
  await eventually('the work is planned when it is cheap', SOON_MS, movedTo(firstMs));
  vtn.update('events', id, { intervals: prices(secondMs) });
  await eventually('the work moves', SOON_MS, movedTo(secondMs));
  expect(now()).toBeLessThan(firstMs);

  await until('it is cheap', secondMs);
  await stack.finished(batchId);
  const kwh = async (startMs: number, endMs: number): Promise<number> => {
    const [row] = await stack.database.query<{ kwh: number }>(
      `select coalesce(sum(compute_kwh), 0) as kwh from meter_intervals
       where vehicle_id = any($1) and slot_start >= $2 and slot_start < $3`,
      [carsOf('price'), new Date(startMs), new Date(endMs)],
    );
    return row?.kwh ?? 0;
  };
  await eventually('the meters tell of the work', SOON_MS, async () => (await kwh(secondMs, now())) > 0 || undefined);
  expect(await kwh(firstMs, secondMs)).toBeLessThan(0.01);
});

test.concurrent(
  'limits hold in every instant, also while the server is down for hours and after they have run out',
  { timeout: 150_000 },
  async () => {
    const { vtn } = utilityOf('limit');
    const feeder = 'limit-roomy';
    /** Longer and shorter than slots, and beside their bounds. */
    const startMs = nextSlotMs(60 * MINUTE_MS) + 7 * MINUTE_MS;
    const steps = [
      { minutes: 45, kw: 25 },
      { minutes: 12, kw: 9 },
      { minutes: 33, kw: 16 },
    ];
    const type = 'IMPORT_CAPACITY_LIMIT';
    let atMs = startMs;
    const limits = steps.map(({ minutes, kw }) => {
      const limit = { startMs: atMs, endMs: (atMs += minutes * MINUTE_MS), kw };
      return limit;
    });
    const endMs = atMs;
    const limitKw = (ms: number): number =>
      limits.find((limit) => limit.startMs <= ms && ms < limit.endMs)?.kw ?? FAIL_SAFE_KW;
    const { id } = utilityOf('limit').send({
      eventName: 'Envelope',
      intervals: steps.map(({ minutes, kw }, index) => interval(index, limits[index]?.startMs ?? 0, minutes, type, kw)),
    });
    await eventually('the event is taken', SOON_MS, async () => {
      const rows = await stack.database.query('select 1 from openadr_events where event_id = $1', [id]);
      return rows.length > 0 || undefined;
    });
    vtn.fault = () => ({ status: 503 });
    expect(now()).toBeLessThan(startMs);

    // Down for more than two hours, of them more than one after the last limit.
    const upAgainMs = endMs + 75 * MINUTE_MS;
    await until('the limits have run out', endMs + 30 * MINUTE_MS);
    await until('hours are over', upAgainMs);
    const shown = await (await (await stack.api()).call('/grid/v1/regions/limit')).json();
    expect(shown).toMatchObject({ utilities: [{ failure: expect.stringContaining('503') }] });
    const houses = await readSignals(stack.database, 'limit', { startMs: startMs - HOUR_MS, endMs: upAgainMs }, [
      'house_load',
    ]);
    const houseKw = (ms: number): number =>
      houses.find((span) => span.feederId === feeder && span.startMs <= ms && ms < span.endMs)?.value ?? 0;
    const told = watch.setpointsKw(carsOf('limit'), startMs - 15 * MINUTE_MS, upAgainMs);
    const broken = told.filter(({ atMs: ms, kw }) => kw + houseKw(ms) > limitKw(ms) + ROUNDING_KW);
    expect(broken.map(({ atMs: ms, kw }) => [new Date(ms).toISOString(), kw, houseKw(ms), limitKw(ms)])).toEqual([]);
    // It would not have been hard otherwise: the cars take what they may, before, within and after.
    const most = (from: number, to: number): number =>
      Math.max(...told.filter(({ atMs: ms }) => from <= ms && ms < to).map(({ kw }) => kw));
    expect(most(startMs, limits[0]?.endMs ?? 0)).toBeGreaterThan(15);
    expect(most(endMs + SLOT_MS, upAgainMs)).toBeGreaterThan(FAIL_SAFE_KW - 7);
    // And what they took.
    const slots = { startMs: Math.ceil(startMs / SLOT_MS) * SLOT_MS, endMs: upAgainMs - SLOT_MS };
    for (const { slotStartMs: ms, kwh } of await listFeederEnergy(stack.database, [feeder], slots)) {
      const instants = Array.from({ length: 15 }, (_, minute) => ms + minute * MINUTE_MS);
      const mostKwh = instants.reduce((sum, each) => sum + (limitKw(each) - houseKw(each)) / 60, 0);
      expect(kwh).toBeLessThan(mostKwh + 0.05);
    }

    vtn.fault = () => undefined;
    const againMs = nextSlotMs(30 * MINUTE_MS);
    vtn.update('events', id, { intervals: [interval(0, againMs, 60, type, 10)] });
    await eventually('the server is followed again', SOON_MS, async () => {
      const known = await readSignals(stack.database, 'limit', { startMs: againMs, endMs: againMs + 1 }, [
        'import_limit',
      ]);
      return known.some(({ value }) => value === 10) || undefined;
    });
  },
);

test.concurrent(
  'an alert sheds running cars, the work is done afterwards, and the usage report adds up to the meters',
  { timeout: 150_000 },
  async () => {
    const { vtn } = utilityOf('shed');
    const batchId = await stack.submit(REQUESTS, 'shed');
    await stack.inMidWork(batchId);
    const sentMs = now();
    const beforeKw = watch.meteredKw(carsOf('shed'), sentMs - 20 * MINUTE_MS, sentMs);
    expect(beforeKw).toBeGreaterThan(1);

    // Whole slots, so that meters are read and not shared out; the first one is running.
    const startMs = Math.floor(sentMs / SLOT_MS) * SLOT_MS;
    const quarters = Array.from({ length: 6 }, (_, index) => startMs + index * SLOT_MS);
    const endMs = startMs + 6 * SLOT_MS;
    const { id } = utilityOf('shed').send({
      eventName: 'Line down',
      intervals: quarters.map((ms, index) => interval(index + 10, ms, 15, 'ALERT_GRID_EMERGENCY', 'Line down')),
      reportDescriptors: [{ payloadType: 'USAGE', aggregate: true }],
    });
    // A meter that stands still is silent.
    const isSilent = (car: string): boolean => (watch.readings(car).at(-1)?.atMs ?? 0) < now() - 12 * MINUTE_MS;
    await eventually(
      'every car’s meter stands still',
      SOON_MS,
      async () => carsOf('shed').every(isSilent) || undefined,
    );
    const darkMs = now();
    expect(darkMs).toBeLessThan(endMs - SLOT_MS);
    await until('the event is over', endMs);
    expect(watch.meteredKw(carsOf('shed'), darkMs, endMs)).toBeLessThan(0.05);

    const answers = (await stack.finished(batchId)).trimEnd().split('\n');
    const ids = answers.map((line) => (JSON.parse(line) as { custom_id: string }).custom_id);
    expect([ids.length, new Set(ids).size]).toEqual([REQUESTS, REQUESTS]);

    const meteredByQuarter = async (): Promise<number[]> => {
      const energy = await listFeederEnergy(stack.database, ['shed-roomy'], { startMs, endMs });
      return quarters.map((ms) => energy.find(({ slotStartMs: slotMs }) => slotMs === ms)?.kwh ?? 0);
    };
    const reported = await eventually('the report is there', SOON_MS, async () => {
      const report = vtn.store.list('reports').find((each) => each['eventID'] === id);
      return report && (await meteredByQuarter()).every((kwh, index) => near(kwh, valuesOf(report)[index]?.value))
        ? valuesOf(report)
        : undefined;
    });
    expect(reported.map((each) => each.id)).toEqual([10, 11, 12, 13, 14, 15]);
    expect(reported.slice(3).reduce((sum, each) => sum + each.value, 0)).toBeLessThan(0.01);
  },
);

const near = (kwh: number, reported: number | undefined): boolean =>
  reported !== undefined && Math.abs(kwh - reported) < 0.0001;

function valuesOf(report: unknown): { id: number; value: number }[] {
  const { resources } = report as {
    resources: { intervals: { id: number; payloads: { values: number[] }[] }[] }[];
  };
  return resources.flatMap(({ intervals }) =>
    intervals.map(({ id, payloads }) => ({ id, value: payloads[0]?.values[0] ?? Number.NaN })),
  );
}

test('neither logs nor histories hold a secret', async () => {
  const secrets = [...utilities.values()].map(({ secret }) => secret);
  const tokens = [...utilities.values()].flatMap(({ vtn }) =>
    vtn.asked.flatMap(({ body }) => JSON.stringify(body).match(/(?<="bearerToken":")[^"]+/g) ?? []),
  );
  expect(tokens.length).toBeGreaterThanOrEqual(REGIONS.length);
  const apiKey = await readFile(join(stack.stateDir, 'api-key'), 'utf8');
  const texts: string[] = [];
  const client = await stack.temporal();
  for await (const { workflowId, runId } of client.workflow.list()) {
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    texts.push(JSON.stringify(events, readable));
  }
  expect(texts.some((text) => text.includes('utility-of-shed'))).toBe(true);
  const folder = join(stack.stateDir, 'logs');
  for (const name of await readdir(folder)) texts.push(await readFile(join(folder, name), 'utf8'));
  const rows = await stack.database.query('select settings, status, sealed from openadr_connections');
  texts.push(JSON.stringify(rows), JSON.stringify(await stack.database.query('select message, reasons from journal')));
  for (const secret of [...secrets, ...tokens, apiKey]) {
    expect(texts.filter((text) => text.includes(secret)).length).toBe(0);
  }
});

/** Payloads are bytes; as JSON prints them, a secret in one would not be seen. */
function readable(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const raw = this[key];
  return raw instanceof Uint8Array ? Buffer.from(raw).toString('utf8') : value;
}
