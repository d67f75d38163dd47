import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { readSignals } from '../../../store/signals.ts';
import { useApi } from '../../api/apiHarness.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';
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
