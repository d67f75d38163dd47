import { MINUTE_MS } from '../../domain/durations.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gridTimeMs } from '../../domain/clock.ts';
import type { Plan } from '../../scheduler/plan.ts';
import type { PlanningProblem } from '../../scheduler/problem.ts';
import { listMeterIntervals } from '../../store/meters.ts';
import { latestPlan } from '../../store/plans.ts';
import { eventually } from '../support/eventually.ts';
import { Stack } from './support/stack.ts';

const REQUESTS = 60;
const SLOT_MS = 15 * MINUTE_MS;
const LIMIT_MS = 40 * MINUTE_MS;

let stack: Stack;
beforeAll(async () => {
  stack = await Stack.start();
}, 120_000);
afterAll(() => stack?.remove(), 60_000);

test(
  'an import limit of 0 that is pushed in mid-work stops the cars, then the plan; the batch is done afterwards',
  { timeout: 180_000 },
  async () => {
    const batchId = await stack.submit(REQUESTS);
    await stack.inMidWork(batchId);
    const cell = await stack.cell();
    const client = await stack.api();

    const startMs = Math.floor(gridTimeMs(cell.clock, Date.now()));
    const endMs = startMs + LIMIT_MS;
    const [start, end] = [startMs, endMs].map((ms) => new Date(ms).toISOString());
    const answer = await client.call('/grid/v1/regions/berlin/signals/import_limit', {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ source: 'desk', unit: 'kW', spans: [{ start, end, value: 0 }] }),
    });
    expect(await answer.json()).toMatchObject({ stored: 1 });
    expect(await stack.database.query('select feeder_id from sheds')).toHaveLength(1);

    await eventually('the plan draws nothing', 20_000, async () => {
      const stored = await latestPlan<PlanningProblem, Plan>(stack.database, cell.id);
      const cars = stored?.plan.cars ?? [];
      const isIdle =
        cars.length > 0 && cars.every(({ chargeKw, computeKw }) => chargeKw[0] === 0 && computeKw[0] === 0);
      return isIdle && stored?.problem.feeders[0]?.importLimitKw[0] === 0 ? true : undefined;
    });
    // Slots that lie between the drop and the end of the limit, once meters tell of the time after it.
    await eventually('the limit is over', 30_000, async () =>
      gridTimeMs(cell.clock, Date.now()) > endMs + SLOT_MS ? true : undefined,
    );
    const slots = { startMs: Math.ceil((startMs + 2 * MINUTE_MS) / SLOT_MS) * SLOT_MS, endMs: endMs - SLOT_MS + 1 };
    const intervals = await listMeterIntervals(stack.database, cell.id, slots);
    const drawnKwh = intervals.reduce((sum, { chargingKwh, computeKwh }) => sum + chargingKwh + computeKwh, 0);
    expect(slots.endMs).toBeGreaterThan(slots.startMs);
    expect(drawnKwh).toBeLessThan(0.02);

    const output = await stack.finished(batchId);
    const ids = output
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { custom_id: string }).custom_id);
    expect([ids.length, new Set(ids).size]).toEqual([REQUESTS, REQUESTS]);
  },
);
