import { beforeAll, expect, test } from 'vitest';
import { book } from '../../store/ledger.ts';
import { useApi } from '../api/apiHarness.ts';
import { workBooking } from '../support/ledgerFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { cli } from './cliRun.ts';

const { database } = useTestDatabase();
const api = useApi(database);
const verify = (key = api.ports.apiKey) => cli('ledger', 'verify', '--url', `${api.server.url}/v1`, '--key', key);

beforeAll(async () => {
  await book(database, workBooking({ vehicleId: 'car-1', kwh: 1, reference: 'job/b/shard/1', atMs: Date.now() }));
});

test('says that the books are whole, or what is wrong with them', async () => {
  const whole = await verify();
  expect(whole).toMatchObject({ code: 0 });
  expect(whole.out).toContain('ok    the entries of every booking are 0 in sum, per currency\n');
  expect(whole.out).toContain('1 bookings, 5 entries, in sum 0.00 EUR\n');
  await database.query('alter table ledger_entries disable trigger ledger_balances');
  const wrong = await verify();
  expect(wrong.code).toBe(1);
  expect(wrong.out).toContain('ledger_entries lacks the trigger ledger_balances\n');
});

test('is for keys with the scope `money`', async () => {
  const made = await api.fetch('/ops/v1/keys', {
    method: 'POST',
    body: JSON.stringify({ tenant: 'lab', name: 'ops', scopes: ['ops'] }),
    headers: { 'content-type': 'application/json' },
  });
  const { key } = (await made.json()) as { key: string };
  expect(await verify(key)).toMatchObject({ code: 2, err: expect.stringContaining('lacks the scope "money"') });
});
