import { HOUR_MS } from '../../domain/durations.ts';
import { beforeEach, expect, test } from 'vitest';

import { NightshiftError } from '../../domain/errors.ts';
import { readJournalOf } from '../../store/journal.ts';
import { readSignals } from '../../store/signals.ts';
import { cli } from '../cli/cliRun.ts';
import { CELL } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { useApi, type Json } from './apiHarness.ts';

const { database } = useTestDatabase();
const api = useApi(database);
const inHours = (hours: number): string => new Date(Date.now() + hours * HOUR_MS).toISOString();

beforeEach(async () => {
  api.pushedTo.length = 0;
  await database.query('delete from signals');
});

const declare = (body: object, region = 'oslo') =>
  api.fetch(`/grid/v1/regions/${region}/emergency`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
const limits = () => readSignals(database, 'oslo', { startMs: Date.now(), endMs: Date.now() + 1 }, ['import_limit']);

test('a declared emergency is in force at once: cars are told, then the plan', async () => {
  const until = inHours(1);
  const answer = await declare({ reason: 'Frequency', until });
  const declared: Json = await answer.json();
  expect([answer.status, declared]).toEqual([
    201,
    { id: expect.stringMatching(/^emg_/), region_id: 'oslo', feeders: ['oslo-1'], start: expect.any(String), until },
  ]);
  expect(await limits()).toMatchObject([{ feederId: 'oslo-1', value: 0, source: `emergency/${declared.id}` }]);
  expect(api.pushedTo).toEqual(['limits of oslo', 'oslo']);
  const journal = await readJournalOf(database, CELL.id, 'oslo', 0, 10);
  expect(journal.at(-1)).toMatchObject({ kind: 'emergency', message: 'Frequency: no import on oslo-1' });
});

test('its end ends what was declared here, not what others limit, and leaves what has been', async () => {
  const limit = { unit: 'kW', source: 'desk', spans: [{ start: inHours(-1), end: inHours(1), value: 5 }] };
  await api.fetch('/grid/v1/regions/oslo/signals/import_limit', {
    method: 'PUT',
    body: JSON.stringify(limit),
    headers: { 'content-type': 'application/json' },
  });
  const declared: Json = await (await declare({ reason: 'Frequency', until: inHours(1) })).json();
  expect(await limits()).toHaveLength(2);
  const end = () => api.fetch('/grid/v1/regions/oslo/emergency', { method: 'DELETE' });
  expect(await (await end()).json()).toEqual({ region_id: 'oslo', ended: [declared.id] });
  expect(await limits()).toMatchObject([{ source: 'push/desk' }]);
  const was = await readSignals(database, 'oslo', { startMs: Date.parse(declared.start), endMs: Date.now() });
  expect(was).toContainEqual(expect.objectContaining({ source: `emergency/${declared.id}`, value: 0 }));
  expect(await (await end()).json()).toEqual({ region_id: 'oslo', ended: [] });
});

test.each([
  ['until', { reason: 'x', until: inHours(-1) }, 'must be after'],
  ['until', { reason: 'x', until: inHours(200) }, 'at most 7 days'],
  ['until', { reason: 'x', until: '2026-01-01T00:00' }, 'with its offset'],
  ['reason', { reason: ' ', until: inHours(1) }, 'reason'],
  ['feeders', { reason: 'x', until: inHours(1), feeders: ['x'] }, 'one of oslo-1'],
])('a wrong %s is refused with its limit, and nothing is limited', async (field, body, limit) => {
  const answer = await declare(body);
  const { error } = (await answer.json()) as { error: { param: string; message: string } };
  expect([answer.status, error.param]).toEqual([400, field]);
  expect(error.message).toContain(limit);
  expect(await limits()).toEqual([]);
  expect((await declare({ reason: 'x', until: inHours(1) }, 'nowhere')).status).toBe(404);
});

test('a broker that is away is said, and the plan follows all the same', async () => {
  const { regions } = api.ports;
  const told = regions.followLimits;
  Object.assign(regions, {
    followLimits: () => Promise.reject(new NightshiftError('unavailable', 'Cars could not be told.')),
  });
  try {
    expect((await declare({ reason: 'Frequency', until: inHours(1) })).status).toBe(503);
    expect(api.pushedTo).toEqual(['oslo']);
    expect(await limits()).toHaveLength(1);
  } finally {
    Object.assign(regions, { followLimits: told });
  }
});

test('the command declares and ends', async () => {
  const connection = ['--url', `${api.server.url}/v1`, '--key', api.ports.apiKey];
  const until = inHours(2);
  const declared = await cli('grid', 'emergency', 'oslo', '--until', until, '--reason', 'Storm', ...connection);
  expect(declared.out).toMatch(new RegExp(`^emg_\\w+: no import on oslo-1 from .* to ${until}\\n$`));
  expect((await cli('grid', 'emergency', 'oslo', '--end', ...connection)).out).toMatch(/^ended in oslo: emg_\w+\n$/);
  expect((await cli('grid', 'emergency', 'oslo', '--end', ...connection)).out).toBe(
    'no declared emergency was in force in oslo\n',
  );
  const neither = await cli('grid', 'emergency', 'oslo', ...connection);
  expect([neither.code, neither.err]).toEqual([2, expect.stringContaining('--until and --end')]);
});
