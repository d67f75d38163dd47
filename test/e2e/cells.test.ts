import { afterAll, beforeAll, expect, test } from 'vitest';
import { batchText } from '../../cli/batchText.ts';
import { Terminal } from '../../demo/console/terminal.ts';
import { eventually } from '../support/eventually.ts';
import { calmNight } from './support/calmNight.ts';
import { expectAnsweredOnce } from './support/outcome.ts';
import { Stack } from './support/stack.ts';

const REQUESTS = 12;
const MANY = 120;
const LIMIT_MS = 90_000;

/** The home cell has two cars, the one beside it as many at half the price. */
function nightBeside(): ReturnType<typeof calmNight> {
  const { utility: _, ...night } = calmNight({
    oslo: [{ vin: 'NSGA5XB0000000951' }, { vin: 'NSGA5XB0000000952' }],
  });
  return {
    ...night,
    scenario: 'beside',
    regions: night.regions.map((region) => ({
      ...region,
      priceEurPerKwh: region.priceEurPerKwh.map((price) => price / 2),
    })),
  };
}

let home: Stack;
let beside: Stack;

beforeAll(async () => {
  home = await Stack.start(calmNight({ berlin: [{}, {}] }));
  beside = await Stack.start(nightBeside(), await home.surroundings());
}, 240_000);
afterAll(async () => {
  await beside?.remove();
  await home?.remove();
}, 60_000);

async function shardsBy(batchId: string): Promise<Record<string, number>> {
  const rows = await home.database.query<{ region: string; shards: number }>(
    `select v.region_id as region, count(distinct l.reference)::int as shards
     from ledger_bookings l join vehicles v on v.id = l.vehicle_id where l.kind = 'compute' and l.reference like $1 group by 1`,
    [`job/${batchId}/%`],
  );
  return Object.fromEntries(rows.map(({ region, shards }) => [region, shards]));
}

test(
  'a batch is divided between two cells, and all of it is answered once though one of them dies in mid-work',
  { timeout: 480_000 },
  async () => {
    const batchId = await home.submit(MANY);
    const batches = await home.batches();
    const shown = await eventually('cars of both cells compute it', LIMIT_MS, async () => {
      const { oslo = 0, berlin = 0 } = await shardsBy(batchId);
      const batch = await batches.read(batchId);
      return oslo > 0 && berlin > 0 && batch.x_grid.cells.length === 2 ? batch : undefined;
    }).catch(async (cause: unknown) => {
      const { status, x_grid: grid } = await batches.read(batchId);
      throw new Error(JSON.stringify({ status, by: await shardsBy(batchId), cells: grid.cells, shards: grid.shards }), {
        cause,
      });
    });
    const { cells, shards } = shown.x_grid;
    expect(cells.map(({ cell }) => cell)).toEqual(['calm-night', 'beside']);
    expect(cells.reduce((sum, each) => sum + each.shards, 0)).toBe((shards?.pending ?? 0) + (shards?.in_flight ?? 0));
    const { colors } = new Terminal(process.stdout, true);
    expect(batchText(shown, (iso) => iso, colors)).toMatch(/cells {6}\d+ in calm-night.*, \d+ in beside/);

    await beside.losePower();
    const before = await shardsBy(batchId);
    await expectAnsweredOnce(home, batchId, MANY, 2 * LIMIT_MS);
    const after = await shardsBy(batchId);
    expect(after['berlin']).toBeGreaterThan(before['berlin'] ?? 0);

    // What belongs to the cell that lives is not touched by the death of the other.
    const own = await home.submit(REQUESTS, 'berlin');
    await home.finished(own);
    expect(Object.keys(await shardsBy(own))).toEqual(['berlin']);
  },
);
