import { beforeAll, expect, test } from 'vitest';

import { book } from '../../store/ledger.ts';
import { useApi } from '../api/apiHarness.ts';
import { workBooking } from '../support/ledgerFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { cli } from './cliRun.ts';

const { database } = useTestDatabase();
const api = useApi(database);
const AT_MS = Date.parse('2026-01-15T02:00Z');
const run = (...args: string[]) => cli('billing', ...args, '--url', api.server.url, '--key', 'test-key');

beforeAll(async () => {
  const work = { vehicleId: 'car-1', kwh: 2, units: 500, reference: 'job/b1/shard/0', atMs: AT_MS };
  await book(database, workBooking(work));
});

test('bookings are listed by their names, disputed, and the dispute decided', async () => {
  const { out } = await run('bookings', '--batch', 'b1');
  const [booking = ''] = /B\d+/.exec(out) ?? [];
  expect(out).toContain('2026-01-15T02:00');
  const opened = await run('dispute', 'open', booking, 'Wrong lines.');
  expect(opened.out).toContain(`open: tenant/default about ${booking}`);
  const [id = ''] = /dis_\w+/.exec((await run('dispute', 'list', '--all')).out) ?? [];
  expect((await run('dispute', 'resolve', id, 'Half.')).err).toContain('Say either --uphold or --reject.');
  const resolved = await run('dispute', 'resolve', id, 'Half were wrong.', '--uphold', '--keep', '0.5');
  expect(resolved.out).toContain('answer: Half were wrong.');
  expect((await run('dispute', 'list')).out).toContain('upheld');
  expect((await run('dispute', 'open', 'B999', 'x')).err).toContain('There is no booking "B999"');
});

test('invoices are issued, listed and printed, and margins add up', async () => {
  const issued = await run('invoice', 'issue', '--period', '2026-01');
  expect(issued.code, issued.err).toBe(0);
  expect((await run('invoice', 'list')).code).toBe(0);
  const margins = await run(
    'margins',
    '--start',
    '2026-01-01T00:00:00Z',
    '--end',
    '2026-02-01T00:00:00Z',
    '--by',
    'model',
  );
  expect(margins.out).toMatch(/ocr +EUR/);
  const all = await run('margins', '--start', '2026-01-01T00:00:00Z', '--end', '2026-02-01T00:00:00Z', '--json');
  const [first] = JSON.parse(all.out);
  expect(first.submitters).toBeCloseTo(first.owners + first.energy + first.checking + first.margin, 6);
});
