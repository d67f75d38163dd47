import { beforeEach, expect, test } from 'vitest';
import { recordComputeAttempt, recordPaidCompute } from '../../../store/computeAttempts.ts';
import { recordAcceptedShard } from '../../../store/acceptedShards.ts';
import { insertBatch } from '../../../store/batches.ts';
import { insertFile } from '../../../store/files.ts';
import { book } from '../../../store/ledger.ts';
import { recordShareCheck } from '../../../store/shareChecks.ts';
import { checkLedger } from '../../../store/ledgerChecks.ts';
import { emptyLedger, workBooking } from '../../support/ledgerFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';
import { useApi, type Json } from '../apiHarness.ts';

const { database } = useTestDatabase();
const api = useApi(database);
const AT_MS = Date.parse('2026-01-15T02:00Z');
const BOOKING = 'compute/job/b/shard/0/car-1';

async function send(method: string, path: string, body?: unknown): Promise<{ status: number; body: Json }> {
  const headers = { 'content-type': 'application/json' };
  const answer = await api.fetch(path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
  return { status: answer.status, body: await answer.json() };
}

const propose = async () => {
  const { body } = await send('POST', '/ops/v1/payout_runs', { currency: 'EUR', execution_date: '2026-02-02' });
  await send('POST', `/ops/v1/payout_runs/${body.id}/drop`);
  return body.payouts.map(({ amount }: Json) => amount);
};
const netOf = async (period: string) =>
  (await send('POST', '/ops/v1/invoices', { period })).body.data.map(({ net }: Json) => net);

beforeEach(async () => {
  await database.query('truncate disputes, invoices, payout_runs, payouts, compute_attempts cascade');
  await emptyLedger(database);
  for (const shard of [0, 1])
    await book(database, workBooking({ vehicleId: 'car-1', kwh: 10, reference: `job/b/shard/${shard}`, atMs: AT_MS }));
  await send('PUT', '/fleet/v1/owners/owner-of-car-1/account', { name: 'Ada', iban: 'DE89370400440532013000' });
});

test('an owner’s dispute holds its booking out of payouts, with evidence, until it is decided by a booking', async () => {
  const attempt = { vehicleId: 'car-1', jobId: 'b', shard: 0, handedOutMs: AT_MS - 3_600_000, storedAtMs: AT_MS };
  await recordComputeAttempt(database, attempt);
  await recordPaidCompute(database, { ...attempt, paidMs: 1, paidWh: 10_000, nowMs: AT_MS });
  const path = '/fleet/v1/owners/owner-of-car-1/disputes';
  const { body: dispute } = await send('POST', path, { booking: BOOKING, text: 'It computed 12 kWh.' });
  expect(dispute).toMatchObject({
    status: 'open',
    opened_by: 'owner/owner-of-car-1',
    evidence: [{ car: 'car-1', paid_wh: 10_000, metered_compute_kwh: 0 }],
  });
  // Its own lines only: what the submitter paid is not the owner's to know.
  expect(dispute.lines.map(({ item }: Json) => item)).toEqual(['energy', 'wear', 'work']);
  // By its short name too, which statements give.
  expect(dispute.booking).toMatch(/^B\d+$/);
  expect((await send('POST', path, { booking: dispute.booking, text: 'again' })).status).toBe(409);
  expect((await send('POST', path, { booking: 'B999999', text: 'x' })).status).toBe(404);
  expect((await send('POST', path, { booking: 'compute/none', text: 'x' })).status).toBe(404);
  expect((await send('POST', '/fleet/v1/owners/another/disputes', { booking: BOOKING, text: 'x' })).status).toBe(404);
  expect(await propose()).toEqual([4.5]);

  const resolve = (body: object) => send('POST', `/ops/v1/disputes/${dispute.id}/resolve`, body);
  const give = { amount: '0.90', currency: 'EUR' };
  expect((await resolve({ outcome: 'rejected', text: 'no', give })).status).toBe(400);
  expect((await resolve({ outcome: 'upheld', text: 'Its meter was read late: 2 kWh more.', give })).body).toMatchObject(
    {
      status: 'upheld',
      answer: 'Its meter was read late: 2 kWh more.',
    },
  );
  expect((await resolve({ outcome: 'rejected', text: 'no' })).status).toBe(409);
  expect(await propose()).toEqual([9.9]);
  const [seen] = (await api.getJson(path)).data;
  expect(seen).toMatchObject({ status: 'upheld', answer: 'Its meter was read late: 2 kWh more.' });
  expect((await checkLedger(database)).faults).toEqual([]);
});

test('a submitter finds the name of a booking, and evidence has receipts and checks without the car’s id', async () => {
  await database.query('truncate accepted_shards, share_checks');
  const batch = { id: 'b', endpoint: '/v1/embeddings', inputFileId: 'f', completionWindow: '24h', metadata: null };
  const file = { id: 'f', filename: 'f', purpose: 'batch' as const, bytes: 1, objectKey: 'f', lifeSeconds: null };
  await insertFile(database, file);
  await insertBatch(database, {
    ...batch,
    outputExpiresAfterSeconds: null,
    deadlineMs: AT_MS,
    submittedAtMs: AT_MS,
    idempotencyKey: null,
    requestHash: 'b',
  });
  const counts = { completed: 4, failed: 0, inputTokens: 30, outputTokens: 0, handovers: 0, redoneLines: 0 };
  const parts = [{ start: 0, end: 4, sha256: 'a'.repeat(64), vehicleId: 'car-1' }];
  await recordAcceptedShard(database, { jobId: 'b', shard: 0, ...counts, parts });
  const found = { checked: 4, differing: 1, tokens: 0, divergent: 0, verdict: 'suspect' as const };
  const check = { jobId: 'b', shard: 0, vehicleId: 'car-1', shareSha256: 'c', lines: 4, atMs: AT_MS };
  await recordShareCheck(database, { ...check, ...found });

  const { data } = await api.getJson('/v1/organization/bookings?batch=b');
  expect(data).toHaveLength(2);
  expect(data[1]).toMatchObject({ booking: expect.stringMatching(/^B\d+$/), amount: -7.5, batch: 'b' });
  const { body } = await send('POST', '/v1/organization/disputes', { booking: data[1].booking, text: 'Wrong.' });
  expect(body).toMatchObject({
    receipts: [{ car: null, lines: [0, 4], sha256: 'a'.repeat(64) }],
    checks: [{ car: null, checked: 4, differing: 1, verdict: 'suspect' }],
  });
  expect(JSON.stringify(body)).not.toContain('car-1');

  const start = AT_MS / 1000 - 7_200;
  const usage = await api.getJson(
    `/v1/organization/usage/embeddings?start_time=${start}&end_time=${start + 86_400}&group_by=model&group_by=batch`,
  );
  expect(usage.data[0].results).toEqual([
    {
      object: 'organization.usage.embeddings.result',
      input_tokens: 30,
      num_model_requests: 4,
      project_id: null,
      user_id: null,
      api_key_id: null,
      model: 'ocr',
    },
  ]);
  const hours = `/v1/organization/usage/embeddings?start_time=${start}&end_time=${start + 86_400}&bucket_width=1h&limit=5`;
  expect(await api.getJson(hours)).toMatchObject({ has_more: true, data: { length: 5 } });
  expect((await api.fetch(`${hours}0000`)).status).toBe(400);
  expect((await api.fetch('/v1/organization/usage/pictures?start_time=0')).status).toBe(400);
  await database.query(`delete from batches where id = 'b'`);
});

test('a submitter’s dispute holds its booking out of the invoice; upheld, the price is given back', async () => {
  const open = async (booking: string) =>
    (await send('POST', '/v1/organization/disputes', { booking, text: 'Wrong lines.' })).body;
  const first = await open(BOOKING);
  expect(first.lines).toMatchObject([{ account: 'tenant/default', amount: -7.5 }]);
  expect(await netOf('2026-01')).toEqual([7.5]);
  const takeBack = { keep: 0.2, of: 'all' };
  await send('POST', `/ops/v1/disputes/${first.id}/resolve`, {
    outcome: 'upheld',
    text: '80 % were wrong',
    take_back: takeBack,
  });
  // Decided now: it counts in the month of the decision, and stands on no invoice before.
  const rows = await database.query<Json>(`select resolved_at as "ms" from disputes`);
  const month = new Date(rows[0].ms).toISOString().slice(0, 7);
  expect((await send('POST', '/ops/v1/invoices', { period: month })).status).toBe(409);
  await database.query(`update disputes set resolved_at = '2026-03-05'`);
  expect(await netOf('2026-03')).toEqual([7.5]);
  // One that is billed already is held no more: it would be billed twice.
  const second = await open('compute/job/b/shard/1/car-1');
  await send('POST', `/ops/v1/disputes/${second.id}/resolve`, { outcome: 'rejected', text: 'They were right.' });
  await database.query(`update disputes set resolved_at = '2026-04-05' where id = $1`, [second.id]);
  expect(await netOf('2026-04')).toEqual([]);
  expect((await checkLedger(database)).faults).toEqual([]);
});
