import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { book } from '../../store/ledger.ts';
import { useApi } from '../api/apiHarness.ts';
import { workBooking } from '../support/ledgerFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { cli } from './cliRun.ts';

const { database } = useTestDatabase();
const api = useApi(database);
let folder = '';
const owner = (...args: string[]) =>
  cli(
    'owner',
    ...args,
    '--url',
    `${api.server.url}/v1`,
    ...(args.includes('--key') ? [] : ['--key', api.ports.apiKey]),
  );

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-owner-cli-'));
  const atMs = Date.parse('2026-01-15T02:00Z');
  await book(database, workBooking({ vehicleId: 'car-1', kwh: 10, reference: 'job/b/shard/1', atMs }));
  await api.fetch('/ops/v1/payout_accounts/EUR', {
    method: 'PUT',
    body: JSON.stringify({ name: 'Nightshift', iban: 'DE89370400440532013000' }),
    headers: { 'content-type': 'application/json' },
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('an owner’s month, then a payout from proposal to the bank’s word', async () => {
  const statement = await owner('statement', 'owner-of-car-1', '--period', '2026-01');
  expect(statement.out).toBe(
    '2026-01 in EUR: earned 4.50 = energy 3.00 + wear 0.50 + work 1.00 + streaks 0.00 + availability 0.00\n' +
      '  10.00 kWh in 1 shard, 0.0 h available, paid out 0.00\n' +
      'To get now: 4.50 EUR; 3 lines, --csv lists them with their bookings.\n',
  );
  expect((await owner('statement', 'owner-of-car-1', '--period', '2026-01', '--csv')).out).toContain(
    ',work,10.00,kWh,',
  );
  const account = ['account', 'owner-of-car-1', '--name', 'Ada L', '--iban'];
  expect(await owner(...account, 'DE00')).toMatchObject({
    code: 2,
    err: expect.stringContaining('iban: must be an IBAN'),
  });
  await owner(...account, 'DE89 3704 0044 0532 0130 00');

  const proposed = await owner('payout', 'propose', '--currency', 'EUR', '--on', '2026-02-02');
  const [run = ''] = /run-[0-9a-f]+/.exec(proposed.out) ?? [];
  expect(proposed.out).toContain('proposed, proposed by root: 1 payouts, 4.50 EUR on 2026-02-02');
  expect(await owner('payout', 'confirm', run)).toMatchObject({ code: 2, err: expect.stringContaining('another key') });
  const made = await cli(
    'key',
    'create',
    '--tenant',
    'desk',
    '--name',
    'second',
    '--scope',
    'money',
    '--url',
    api.server.url,
    '--key',
    api.ports.apiKey,
  );
  const confirmed = await owner('payout', 'confirm', run, '--key', made.out.trim());
  expect(confirmed.out).toContain('  owner-of-car-1  4.50  ordered\n');
  expect((await owner('payout', 'file', run)).out).toContain('<EndToEndId>pay-');
  expect((await owner('payout', 'paid', run, '--on', '2026-02-02')).out).toBe(
    '1 paid, 0 returned, 0 known before, 0 refused\n',
  );
  const file = join(folder, 'camt.xml');
  await writeFile(file, 'no XML at all');
  expect(await owner('payout', 'import', file)).toMatchObject({ code: 2, err: expect.stringContaining('no camt.054') });
});
