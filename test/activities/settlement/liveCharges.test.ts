import pino from 'pino';
import { expect, test } from 'vitest';

import type { LiveAnswer } from '../../../api/http/ports.ts';
import { readBalance } from '../../../store/ledger.ts';
import { checkLedger } from '../../../store/ledgerChecks.ts';
import { upsertTenant } from '../../../store/tenants.ts';
import { listUsage } from '../../../store/usage.ts';
import { chargedLive } from '../../../activities/settlement/liveCharges.ts';
import { CELL } from '../../support/fleetFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';

const { database } = useTestDatabase();
const tenant = { weight: 1, maxOpenBatches: null, maxStoredBytes: null, currency: null };
const model = (tenantId: string) => ({
  name: 'chat',
  version: '1',
  family: 'general',
  sha256: '0'.repeat(64),
  pipeline: { kind: 'text-generation' as const },
  tenantId,
});
const usage = { prompt_tokens: 600, completion_tokens: 400, total_tokens: 1_000 };
const task = { id: 'req_1', body: {}, createdAtSeconds: 0 };

function charged(answer: LiveAnswer) {
  const live = { infer: async () => [answer], generate: async () => answer };
  return chargedLive(live, { database, cell: CELL, logger: pino({ level: 'silent' }) });
}

test('live answers are charged by what was answered, and count as usage; errors are free', async () => {
  const live = charged({ statusCode: 200, body: { usage } });
  await live.generate(model('payer'), task);
  await live.generate(model('payer'), task);
  await live.close();
  // 2,000 tokens at 0.0004 for 1,000, a quarter more since it is at once.
  expect((await readBalance(database, 'tenant/payer')).get('EUR')).toBe(-1_000);
  const all = { startMs: 0, endMs: Date.UTC(3000, 0), bucket: 'day' as const };
  expect(await listUsage(database, 'payer', 'completions', all)).toMatchObject([
    { model: 'chat', isBatch: false, requests: 2, inputTokens: 1_200, outputTokens: 800 },
  ]);
  const failing = charged({ statusCode: 400, body: { error: {} } });
  await failing.infer(model('payer'), [{}]);
  await failing.close();
  expect((await readBalance(database, 'tenant/payer')).get('EUR')).toBe(-1_000);
  expect((await checkLedger(database)).faults).toEqual([]);
});

test('a tenant whose balance and credit are used up is told what is missing', async () => {
  await upsertTenant(database, { ...tenant, id: 'broke', creditLimitMicros: 0 });
  const live = charged({ statusCode: 200, body: { usage } });
  await expect(live.generate(model('broke'), task)).rejects.toMatchObject({
    code: 'payment_required',
    message: expect.stringContaining('are missing: the balance is 0.00 EUR'),
  });
  await upsertTenant(database, { ...tenant, id: 'solvent', creditLimitMicros: 1_000_000 });
  expect(await live.generate(model('solvent'), task)).toMatchObject({ statusCode: 200 });
  await live.close();
});
