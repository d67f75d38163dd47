import { expect, test } from 'vitest';
import { measureClassSpeed, seedClassSpeed } from '../../store/classSpeeds.ts';
import { addModel } from '../../store/models.ts';
import { cli } from '../cli/cliRun.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { useApi, type Json } from './apiHarness.ts';

const { database } = useTestDatabase();
const api = useApi(database);

test('tells operators how fast classes run models, as stated and as shards have shown', async () => {
  const ofModel = { modelName: 'chatty', modelVersion: '1' };
  const model = {
    name: 'chatty',
    version: '1',
    family: 'language',
    sha256: '0'.repeat(64),
    manifest: {},
    tenantId: null,
  };
  await addModel(database, model);
  await seedClassSpeed(database, { ...ofModel, hardwareClass: 'ai4', statedMsPerUnit: 10 });
  await seedClassSpeed(database, { ...ofModel, hardwareClass: 'hw3', statedMsPerUnit: 40 });
  for (const deviceMs of [4_000, 5_000, 6_000]) {
    await measureClassSpeed(database, { ...ofModel, hardwareClass: 'ai4', deviceMs, units: 100 });
  }
  const { speeds } = await api.getJson('/fleet/v1/speeds');
  const known = (speeds as Json[]).filter((each) => each.model === 'chatty');
  expect(known).toEqual([
    expect.objectContaining({ family: 'language', hardware_class: 'ai4', stated_ms_per_unit: 10, shards: 3 }),
    expect.objectContaining({ hardware_class: 'hw3', measured_ms_per_unit: null, shards: 0 }),
  ]);
  expect(known.map((each) => each.measured_ms_per_unit ?? 0)).toEqual([expect.closeTo(50), 0]);
  // A class that was not measured is expected to be as much slower as the other one is.
  expect(known.map((each) => each.planned_ms_per_unit)).toEqual([expect.closeTo(50), expect.closeTo(200)]);

  const shown = (await cli('fleet', 'speeds', '--url', api.server.url, '--key', 'test-key')).out;
  expect(shown).toMatch(/language +chatty 1 +ai4 +100 +20\.0 +0\.20 times +3 +20\.0/);
  expect(shown).toMatch(/language +chatty 1 +hw3 +25\.0 +- +0 +5\.00/);

  const { key } = (await (await api.fetch('/fleet/v1/owners/kari/keys', { method: 'POST' })).json()) as Json;
  const asOwner = await api.fetch('/fleet/v1/speeds', { headers: { authorization: `Bearer ${key}` } });
  expect(asOwner.status).toBe(401);
});
