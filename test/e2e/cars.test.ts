import { HOUR_MS } from '../../domain/durations.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CarReason } from '../../domain/claims.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { readCell } from '../../store/cells.ts';
import { listTransitions, readClaims } from '../../store/vehicleClaims.ts';
import { readVehicle } from '../../store/vehicles.ts';
import { eventually } from '../support/eventually.ts';
import { CALM_NIGHT, calmNight } from './support/calmNight.ts';
import { expectUndisturbed } from './support/outcome.ts';
import { Stack } from './support/stack.ts';

const REQUESTS = 40;
/** Enough that a car which goes on is told from one that ends what it is in the middle of. */
const OWNERS_REQUESTS = 80;
const LIMIT_MS = 90_000;
/** As soon as it computes, and for good. */
const AWAY_IN_MID_SHARD = { leaves: '2026-01-14T20:00:00Z', waitsForComputingUntil: '2026-01-17T12:00:00Z' };

let stack: Stack;
let undisturbed: string;
let ownersUndisturbed: string;
let vins: Readonly<Record<string, readonly string[]>>;

beforeAll(async () => {
  const night = calmNight({
    calm: [{}, {}],
    sleepers: [{ asleep: true }],
    leavers: [
      { trips: [{ ...AWAY_IN_MID_SHARD, manner: 'gear_first' }] },
      { trips: [{ ...AWAY_IN_MID_SHARD, manner: 'plug_first' }] },
      {},
    ],
    owners: [{}, {}],
  });
  vins = Object.fromEntries(
    night.regions.map(({ id }) => [
      id,
      night.cars.filter(({ feeder }) => feeder.startsWith(`${id}-`)).map(({ vin }) => vin),
    ]),
  );
  stack = await Stack.start(night);
  undisturbed = await stack.finished(await stack.submit(REQUESTS, 'calm'));
  ownersUndisturbed = await stack.finished(await stack.submit(OWNERS_REQUESTS, 'calm'));
}, 180_000);
afterAll(() => stack?.remove(), 60_000);

async function reasonsOf(vin: string): Promise<readonly CarReason[]> {
  return (await readClaims(stack.database, vin))?.reasons ?? [];
}

async function linesOf(vin: string): Promise<string[]> {
  const rows = await stack.database.query<{ line: string }>(
    `select kind || ': ' || message as line from journal where subject like '%' || $1 || '%' order by seq`,
    [vin],
  );
  return rows.map(({ line }) => line);
}

test('a car that sleeps is woken since the plan wants it, and computes', { timeout: 240_000 }, async () => {
  const [vin = ''] = vins['sleepers'] ?? [];
  await eventually('it sleeps', LIMIT_MS, async () => (await reasonsOf(vin)).find(({ code }) => code === 'asleep'));
  await expectUndisturbed(stack, await stack.submit(REQUESTS, 'sleepers'), REQUESTS, undisturbed);
  const states = (await listTransitions(stack.database, vin, 100)).map(({ state }) => state).toReversed();
  expect(states.indexOf('asleep')).toBeGreaterThanOrEqual(0);
  expect(states.slice(states.indexOf('asleep')).join(' ')).toMatch(/computing/);
  expect((await linesOf(vin)).filter((line) => line.startsWith('woken: '))).not.toHaveLength(0);
  const told = await stack.database.query<{ message: string }>(
    `select message from journal where message like '%the rest is not paid' or message like '%counts for nothing%'`,
  );
  expect(told).toEqual([]);
  const [paid] = await stack.database.query<{ kwh: number }>(
    `select coalesce(sum(e.quantity_millionths), 0) / 1e6 as kwh from ledger_bookings b
       join ledger_entries e on e.booking_id = b.booking_id and e.item = 'work' where b.vehicle_id = $1`,
    [vin],
  );
  expect(paid?.kwh).toBeGreaterThan(0);
});

test(
  'cars that drive off in mid-shard, gear or plug first, leave their work to another and are settled',
  { timeout: 240_000 },
  async () => {
    const [gearFirst = '', plugFirst = ''] = vins['leavers'] ?? [];
    await expectUndisturbed(stack, await stack.submit(REQUESTS, 'leavers'), REQUESTS, undisturbed);
    // By the signs that come first, and any second one: gear and speed are enough while the plug's message is on its way.
    for (const [vin, first] of [
      [gearFirst, /Gear is D/],
      [plugFirst, /Disconnected|Disengaged/],
    ] as const) {
      const lines = await eventually('its stay is settled', LIMIT_MS, async () => {
        const told = await linesOf(vin);
        return told.some((line) => line.startsWith('settled: ')) ? told : undefined;
      });
      const unplugged = lines.find((line) => line.startsWith('unplugged: '));
      expect(unplugged).toMatch(first);
      expect(unplugged).toMatch(/: .+ is .+ and .+ is /);
      expect(await reasonsOf(vin)).toMatchObject([{ holder: 'safety', code: 'away' }]);
    }
    const [seen] = (await linesOf(gearFirst)).filter((line) => line.includes('may be leaving'));
    expect(seen).toContain('Gear is D');
  },
);

test(
  'an owner who opts out while a shard runs has the car back at once, and the shard goes on elsewhere',
  { timeout: 240_000 },
  async () => {
    const batchId = await stack.submit(OWNERS_REQUESTS, 'owners');
    await stack.inMidWork(batchId);
    const [vin = '', other = ''] = vins['owners'] ?? [];
    const vehicle = await readVehicle(stack.database, vin);
    const cell = await readCell(stack.database, CALM_NIGHT);
    if (!vehicle || !cell) throw new Error('the night is not there');
    const optOutUntilMs = Math.round(gridTimeMs(cell.clock, Date.now()) + 12 * HOUR_MS);
    const api = await stack.api();
    await api.call(`/fleet/v1/vehicles/${vin}/policy`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...vehicle.policy, optOutUntilMs }),
    });
    await eventually('the plan lets go of it', LIMIT_MS, async () => {
      const claims = await readClaims(stack.database, vin);
      return claims?.condition.computeKw === 0 || undefined;
    });
    expect((await reasonsOf(vin))[0]).toMatchObject({ holder: 'owner_now', code: 'owner_opted_out_tonight' });
    const before = { held: await computedBy(vin), other: await computedBy(other) };
    await expectUndisturbed(stack, batchId, OWNERS_REQUESTS, ownersUndisturbed);
    // What it had done and was in the middle of is still accepted and paid; all else is the other car's.
    expect((await computedBy(vin)) - before.held).toBeLessThanOrEqual(3);
    expect((await computedBy(other)) - before.other).toBeGreaterThan(5);
    expect(await linesOf(vin)).toContainEqual(expect.stringContaining('is held by its owner'));
  },
);

async function computedBy(vin: string): Promise<number> {
  const [row] = await stack.database.query<{ shards: number }>(
    `select count(*)::int as shards from ledger_bookings where vehicle_id = $1 and kind = 'compute'`,
    [vin],
  );
  return row?.shards ?? 0;
}
