import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { DateTime } from 'luxon';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { recordFeedFailure, recordFeedRead } from '../../store/feedStates.ts';
import { readSignals, upsertSignals } from '../../store/signals.ts';
import { useApi } from '../api/apiHarness.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { cli } from './cliRun.ts';

const { database } = useTestDatabase();
const api = useApi(database);
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-grid-cli-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function importFile(name: string, text: string, ...options: string[]) {
  const file = join(folder, name);
  await writeFile(file, text);
  const connection = ['--url', `${api.server.url}/v1`, '--key', api.ports.apiKey];
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
  const stored = await readSignals(database, 'oslo', { startMs: midnightMs, endMs: midnightMs + 7_200_000 });
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

const local = (ms: number) => DateTime.fromMillis(ms, { zone: 'Europe/Oslo' }).toFormat('ccc HH:mm');

test('shows a region as it is now: what limits it, and which feeds fail for how long and why', async () => {
  const connection = ['--url', `${api.server.url}/v1`, '--key', api.ports.apiKey];
  const nowMs = Math.floor(Date.now() / 1000) * 1000;
  const at = (minutes: number) => nowMs + minutes * 60_000;
  const empty = (await cli('grid', 'region', ...connection)).out;
  expect(empty).toContain('  price unknown, carbon unknown, outside unknown; prices known until -');
  expect(empty).toContain('  limit oslo-1  20.0 kW until further notice, fail-safe since nobody says anything');
  const span = {
    regionId: 'oslo',
    source: 'desk',
    startMs: at(-60),
    endMs: at(15),
    fetchedAtMs: nowMs,
    forecast: false,
  };
  await upsertSignals(database, [
    { ...span, feederId: null, kind: 'price', value: 0.2, unit: 'EUR/kWh' },
    { ...span, feederId: 'oslo-1', kind: 'import_limit', value: 0, unit: 'kW' },
  ]);
  await recordFeedRead(database, { regionId: 'oslo', feed: 'entsoe', readAtMs: at(-10) });
  await recordFeedFailure(database, { regionId: 'oslo', feed: 'entsoe', atMs: at(-5), failure: 'down' });
  const lines = (await cli('grid', 'region', 'oslo', ...connection)).out.split('\n');
  expect(lines[0]).toMatch(/^oslo at .*\(Europe\/Oslo\)$/);
  expect(lines[1]).toBe(`  price 0.200 EUR/kWh, carbon unknown, outside unknown; prices known until ${local(at(15))}`);
  expect(lines).toContain('  emergency: an import limit of 0 is in force');
  expect(lines).toContain(`  limit oslo-1  0.0 kW until ${local(at(15))}, by desk`);
  expect(lines).toContain('  feed entsoe  read 10 min ago  failing for 5 min, 1 times: down');
});
