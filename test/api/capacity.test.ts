import { expect, test } from 'vitest';
import { cli } from '../cli/cliRun.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { useApi, type Json } from './apiHarness.ts';
import { storePlan } from './planFixture.ts';

const { database } = useTestDatabase();
const api = useApi(database);

test('tells what the fleet can do over HTTP and in the terminal; nothing before the first plan', async () => {
  const reach = ['--url', api.server.url, '--key', 'test-key'];
  expect(await api.getJson('/fleet/v1/capacity')).toEqual({ plan_id: null, slot_minutes: 15, classes: [] });
  expect((await cli('fleet', 'status', ...reach)).out).toContain('no plan yet');

  await storePlan(database, ['job']);
  const { classes } = await api.getJson('/fleet/v1/capacity');
  expect(classes.length).toBeGreaterThan(0);
  for (const each of classes as Json[]) {
    expect(each.curve).toHaveLength(64);
    expect(each.now_kw).toBe(each.curve[0].kw);
    for (const { kw, planned_kw } of each.curve as Json[]) expect(kw).toBeGreaterThanOrEqual(planned_kw);
    const hours = (Date.parse(each.morning) - Date.parse(each.curve[0].start)) / 3_600_000;
    expect(each.kwh_until_morning).toBeLessThanOrEqual(
      Math.max(...each.curve.map(({ kw }: Json) => kw)) * (hours + 0.25),
    );
  }
  const shown = (await cli('fleet', 'status', ...reach)).out;
  expect(shown).toMatch(/region +class +awake +kW now/);
  for (const each of classes as Json[]) expect(shown).toContain(each.hardware_class);

  const { key } = (await (await api.fetch('/fleet/v1/owners/kari/keys', { method: 'POST' })).json()) as Json;
  const asOwner = await api.fetch('/fleet/v1/capacity', { headers: { authorization: `Bearer ${key}` } });
  expect(asOwner.status).toBe(401);
});
