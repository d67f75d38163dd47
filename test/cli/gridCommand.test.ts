import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { saveRegionSummary } from '../../store/regions.ts';
import { readSignals } from '../../store/signals.ts';
import type { RegionSummary } from '../../domain/workflows/gridRegion.ts';
import { useApi } from '../api/apiHarness.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { cli } from './cliRun.ts';

const { db } = useTestDatabase();
const api = useApi(db);
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-grid-cli-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function importFile(name: string, text: string, ...options: string[]) {
  const file = join(folder, name);
  await writeFile(file, text);
  const connection = ['--url', `${api.server.url}/v1`, '--key', api.deps.apiKey];
  return cli('grid', 'import', file, '--region', 'oslo', ...options, ...connection);
}

test('imports a utility’s table, each kind and feeder by itself', async () => {
  const table = [
    'start;end;value;kind;feeder',
    '2026-01-10 00:00;2026-01-10 01:00;0,25;;',
    '2026-01-10 01:00;2026-01-10 02:00;0,20;;',
    '2026-01-10 00:00;2026-01-10 02:00;8;import_limit;oslo-1',
  ].join('\r\n');
  const { code, out } = await importFile('prices.csv', table, '--kind', 'price', '--time-zone', 'Europe/Oslo');
  expect([code, out]).toEqual([
    0,
    'price of oslo: 2 spans stored\nimport_limit of oslo, feeder oslo-1: 1 spans stored\n',
  ]);
  const midnightMs = Date.parse('2026-01-09T23:00Z');
  const stored = await readSignals(db, 'oslo', { startMs: midnightMs, endMs: midnightMs + 7_200_000 });
  expect(stored.map(({ kind, value, startMs }) => [kind, value, startMs - midnightMs])).toEqual([
    ['import_limit', 8, 0],
    ['price', 0.25, 0],
    ['price', 0.2, 3_600_000],
  ]);
  expect(api.pushedTo).toEqual(['oslo', 'limits of oslo', 'oslo']);
});

test('imports JSON', async () => {
  const records = [{ kind: 'carbon', start: '2026-02-01T00:00Z', end: '2026-02-01T01:00Z', value: 300 }];
  expect((await importFile('carbon.json', JSON.stringify(records))).out).toBe('carbon of oslo: 1 spans stored\n');
});

test.each([
  ['a.csv', 'start,end,value\n2026-01-10,2026-01-11,1\n', 'record 1: kind must be one of price'],
  ['b.csv', 'start,end,value,kind\n2026-01-10,tomorrow,1,price\n', 'line 2, column "end": "tomorrow" is not a time'],
  ['c.csv', 'start,value\n', 'has no column "end"'],
  ['d.json', '[{"start":"2026-01-10","end":"2026-01-11","value":"1"}]', '0.value'],
  ['e.csv', 'start,end,value,kind\n2026-01-10,2026-01-11,1000,price\n', 'spans.0.value: must be from -100 to 100'],
])('names what is wrong in %s', async (name, text, problem) => {
  const { code, err } = await importFile(name, text);
  expect(code).toBe(2);
  expect(err).toContain(problem);
});

test('shows a region: what limits it, and which feeds fail for how long and why', async () => {
  const connection = ['--url', `${api.server.url}/v1`, '--key', api.deps.apiKey];
  expect((await cli('grid', 'region', ...connection)).out).toBe('oslo: nothing is known yet\n');
  const atMs = Date.parse('2026-01-10T12:00Z');
  const summary: RegionSummary = {
    atMs,
    priceEurPerKwh: 0.2,
    carbonGPerKwh: null,
    ambientCelsius: -3,
    knownUntilMs: atMs + 3_600_000,
    offPeakWindows: [{ startMs: atMs, endMs: atMs + 3_600_000 }],
    feedersOnFailSafe: [],
    limits: [{ feederId: 'oslo-1', limitKw: 0, source: 'emergency/e1', untilMs: atMs + 900_000 }],
    limitsChangeMs: atMs + 900_000,
    emergency: true,
    feeds: [{ feed: 'entsoe', readAtMs: atMs - 600_000, failingSinceMs: atMs - 300_000, failure: 'down', failures: 2 }],
    fallbacks: [{ code: 'feed_failed', text: 'Feed entsoe has failed.' }],
  };
  await saveRegionSummary(db, 'oslo', summary);
  expect((await cli('grid', 'region', 'oslo', ...connection)).out.split('\n')).toEqual([
    'oslo at Sat 13:00 (Europe/Oslo)',
    '  price 0.200 EUR/kWh, carbon unknown, outside -3.0 °C; prices known until Sat 14:00',
    '  off-peak Sat 13:00 to Sat 14:00',
    '  emergency: an import limit of 0 is in force',
    '  limit oslo-1  0.0 kW until Sat 13:15, by emergency/e1',
    '  feed entsoe  read 10 min ago  failing for 5 min, 2 times: down',
    '  fallback: Feed entsoe has failed.',
    '',
  ]);
});
