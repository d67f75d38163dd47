import { beforeAll, expect, test } from 'vitest';

import { rolloutSchema, rolloutsSchema } from '../../api/wire/rollouts.ts';
import { listClassSpeeds, seedClassSpeed } from '../../store/classSpeeds.ts';
import { addModel, readModel } from '../../store/models.ts';
import { decideStoredRollout, endRollout, readRollout } from '../../store/rollouts.ts';
import { cli } from '../cli/cliRun.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { useApi } from './apiHarness.ts';

const { database } = useTestDatabase();
const api = useApi(database);
const run = (...args: string[]) => cli(...args, '--url', api.server.url, '--key', 'test-key');

const send = (method: string, path: string, body: unknown): Promise<Response> =>
  api.fetch(path, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
const start = (body: unknown) => send('POST', '/ops/v1/rollouts', body);
const command = (body: unknown) => send('POST', '/ops/v1/rollouts/command', body);

beforeAll(async () => {
  for (const version of ['1', '2', '3'])
    await addModel(database, { name: 'm', version, family: 'f', sha256: version, manifest: {}, tenantId: null });
  await addModel(database, { name: 'own', version: '1', family: 'f', sha256: 'x', manifest: {}, tenantId: 'lab' });
  await seedClassSpeed(database, { modelName: 'm', modelVersion: '1', hardwareClass: 'ai4', statedMsPerUnit: 70 });
});

test('a roll-out that cannot be is refused by the field', async () => {
  const refusals = [
    [{ model: 'm', version: '9' }, 404, 'm 9'],
    [{ model: 'own', version: '1' }, 404, 'own 1'],
    [{ model: 'm', version: '1' }, 409, 'answers already'],
    [{ model: 'm', version: '2', spec: { waves: [{ share: 0.5 }] } }, 400, 'the last wave must have the share 1'],
    [{ model: 'm', version: '2', spec: { limits: { slower: 0 } } }, 400, 'spec.limits.slower'],
    [{ model: 'm', version: '2', wavs: 1 }, 400, 'wavs'],
  ] as const;
  for (const [body, status, text] of refusals) {
    const answer = await start(body);
    expect([answer.status, await answer.text()]).toEqual([status, expect.stringContaining(text)]);
  }
  expect((await command({ model: 'm', version: '2', command: 'pause', reason: 'x' })).status).toBe(404);
  expect(api.rolledOut).toEqual([]);
});

test('an operator begins one, holds it, ends it, and the journal says who and why', async () => {
  const begun = rolloutSchema.parse(await (await start({ model: 'm', version: '2' })).json());
  expect(begun).toMatchObject({ previous_version: '1', phase: 'delivering', wave: 1, waves: 3, outcome: null });
  // Asked again, it is the same one.
  expect(await (await start({ model: 'm', version: '2' })).json()).toMatchObject({ id: begun.id });
  expect((await start({ model: 'm', version: '3' })).status).toBe(409);
  // It would not be planned without.
  expect((await listClassSpeeds(database)).find(({ modelVersion }) => modelVersion === '2')).toMatchObject({
    deviceMsPerUnit: 70,
  });
  expect((await run('rollout', 'pause', 'm', '2', 'over the weekend')).out).toContain('m 2');
  expect((await command({ model: 'm', version: '2', command: 'stop', reason: 'x' })).status).toBe(400);
  expect((await command({ model: 'm', version: '2', command: 'abort', reason: ' ' })).status).toBe(400);
  expect((await run('rollout', 'abort', 'm', '2', 'not liked')).code).toBe(0);
  expect(api.rolledOut).toEqual(['start m 2', 'start m 2', 'pause m 2', 'abort m 2']);
  const lines = await database.query<{ message: string }>(
    `select message from journal where kind = 'operator' order by seq`,
  );
  expect(lines.map(({ message }) => message.replace(/ \(key .*/, ''))).toEqual([
    'An operator began to roll out m 2 in place of 1',
    'An operator said "pause" to the roll-out of m 2: over the weekend',
    'An operator said "abort" to the roll-out of m 2: not liked',
  ]);

  await decideStoredRollout(database, begun.id, 5_000);
  expect((await command({ model: 'm', version: '2', command: 'pause', reason: 'late' })).status).toBe(409);
  // Its batches still run under the same workflow id.
  expect((await start({ model: 'm', version: '2' })).status).toBe(409);
  await endRollout(database, begun.id, 6_000);
  expect((await start({ model: 'm', version: '2' })).status).toBe(200);
  expect((await readRollout(database, 'm', '2'))?.id).not.toBe(begun.id);
});

test('a tenant is kept on a version, and the list says what answers and what waits', async () => {
  expect((await run('rollout', 'pin', 'lab', 'm', '3')).out).toBe('lab stays on m 3\n');
  expect((await readModel(database, 'lab', 'm'))?.version).toBe('3');
  expect((await send('PUT', '/ops/v1/model_pins', { tenant: 'lab', model: 'm', version: '9' })).status).toBe(404);
  await run('rollout', 'pin', 'lab', 'm');
  expect((await readModel(database, 'lab', 'm'))?.version).toBe('1');
  const list = rolloutsSchema.parse(await api.getJson('/ops/v1/rollouts'));
  expect(list.models).toEqual([{ model: 'm', latest: '1', next: null, next_share: 0, waiting: ['2', '3'] }]);
  expect((await run('rollout', 'list')).out).toContain('m answers with 1; not rolled out: 2, 3');
});

test('a submitter may do none of it', async () => {
  const made = await send('POST', '/ops/v1/keys', { tenant: 'shop', name: 'submitter', scopes: ['submit'] });
  const { key } = (await made.json()) as { key: string };
  for (const [method, path] of [
    ['GET', '/ops/v1/rollouts'],
    ['POST', '/ops/v1/rollouts'],
    ['POST', '/ops/v1/rollouts/command'],
    ['PUT', '/ops/v1/model_pins'],
  ] as const) {
    const answer = await api.fetch(path, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(method !== 'GET' && { body: '{}' }),
    });
    expect([path, answer.status]).toEqual([path, 403]);
  }
});
