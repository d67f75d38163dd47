import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { moveBatch, updateBatchCounts } from '../../store/batches.ts';
import { appendJournal } from '../../store/journal.ts';
import { upsertJobProgress } from '../../store/jobProgress.ts';
import { acceptPart } from '../api/acceptedPart.ts';
import { useApi } from '../api/apiHarness.ts';
import { CELL } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { cli } from './cliRun.ts';

const { database } = useTestDatabase();
const api = useApi(database);
let folder = '';
let input = '';

const line = (id: string) => ({
  custom_id: id,
  method: 'POST',
  url: '/v1/embeddings',
  body: { model: 'm', input: id },
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-batch-cli-'));
  input = join(folder, 'input.jsonl');
  await writeFile(input, `${JSON.stringify(line('a'))}\n${JSON.stringify(line('b'))}\n`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const batch = (...argv: string[]) => cli('batch', ...argv, '--url', `${api.server.url}/v1`, '--key', api.ports.apiKey);

async function submitted(): Promise<string> {
  const { code, out } = await batch('submit', input, '--endpoint', '/v1/embeddings', '--max-price', '0.2', '--json');
  expect(code).toBe(0);
  const { id, metadata } = JSON.parse(out) as { id: string; metadata: object };
  expect(metadata).toEqual({ 'grid.max_price': '0.2' });
  await moveBatch(database, id, ['validating'], 'in_progress');
  await upsertJobProgress(database, {
    jobId: id,
    cellId: CELL.id,
    model: { name: 'm', version: '1', family: 'f', sha256: 'a' },
    shards: 1,
    pending: 0,
    inFlight: 1,
    done: 0,
    linesPerShard: 2,
    unitsPerLine: 1,
    paused: false,
    finished: false,
  });
  await updateBatchCounts(database, id, { total: 2, completed: 1, failed: 0, expired: 0 });
  const answer = { id: 'r', custom_id: 'b', response: { status_code: 200, request_id: 'q', body: {} }, error: null };
  await acceptPart(api.ports, id, 0, 1, [JSON.stringify(answer)]);
  return id;
}

test('submits, shows, lists, pauses, resumes and cancels', async () => {
  const id = await submitted();
  const shown = await batch('show', id);
  expect(shown.out).toContain(`${id}  running`);
  expect(shown.out).toContain('1 of 2 requests');
  expect(shown.out).toContain('█'.repeat(16) + '▒'.repeat(16));
  expect((await batch('list')).out).toContain(id);
  expect((await batch('pause', id)).out).toContain('paused by its submitter');
  expect((await batch('resume', id, '--json')).out).toContain('"state": "running"');
  expect((await batch('cancel', id, '--json')).out).toContain('"status": "cancelling"');
  const missing = await batch('show', 'batch_none');
  expect(missing).toMatchObject({ code: 2, out: '' });
  expect(missing.err).toContain('There is no batch "batch_none"');
});

test('writes the results so far, joined with the input', async () => {
  const id = await submitted();
  const out = join(folder, 'results.jsonl');
  const { code, err } = await batch('results', id, '--join', input, '--out', out);
  expect({ code, err }).toEqual({ code: 0, err: '1 results so far; the batch still runs\n' });
  expect(JSON.parse(await readFile(out, 'utf8'))).toMatchObject({
    custom_id: 'b',
    request: { model: 'm', input: 'b' },
  });
});

test('watches a batch to its end; the exit code says whether it completed', async () => {
  const id = await submitted();
  const watching = batch('watch', id);
  await appendJournal(database, CELL.id, [{ atMs: 0, kind: 'handover', subject: id, message: 'half is done' }]);
  await moveBatch(database, id, ['in_progress'], 'completed');
  const { code, out } = await watching;
  expect(code).toBe(0);
  expect(out).toContain('half is done');
  expect(out).toContain(`${id}  completed`);
  const cancelled = await submitted();
  await moveBatch(database, cancelled, ['in_progress'], 'cancelled');
  expect((await batch('watch', cancelled, '--json')).code).toBe(1);
});

test('resubmits what an ended batch left without an answer', async () => {
  const id = await submitted();
  expect(await batch('resubmit', id)).toMatchObject({ code: 2, out: '', err: expect.stringContaining('has ended') });
  await updateBatchCounts(database, id, { total: 2, completed: 0, failed: 0, expired: 2 });
  await moveBatch(database, id, ['in_progress'], 'expired');
  const { code, out } = await batch('resubmit', id, '--window', '7d', '--json');
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ status: 'validating', completion_window: '7d' });
  expect(JSON.parse(out)).not.toMatchObject({ id });
});

test('a server that does not answer is named', async () => {
  const { code, err } = await cli('batch', 'list', '--url', 'http://127.0.0.1:9/v1', '--key', 'k');
  expect(code).toBe(1);
  expect(err).toContain('http://127.0.0.1:9 does not answer');
});

test('keys are made, listed and revoked', async () => {
  const key = (...argv: string[]) => cli('key', ...argv, '--url', `${api.server.url}/v1`, '--key', api.ports.apiKey);
  const made = await key('create', '--tenant', 'lab', '--name', 'nightly');
  expect(made.out).toMatch(/^sk-[\w-]{32}\n$/);
  expect(await cli('batch', 'list', '--url', `${api.server.url}/v1`, '--key', made.out.trim())).toMatchObject({
    code: 0,
  });
  const id = /key_[0-9a-f]+/.exec((await key('list')).out)?.[0] ?? '';
  expect((await key('revoke', id)).out).toContain('revoked');
});
