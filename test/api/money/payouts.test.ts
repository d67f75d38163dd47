import { beforeEach, describe, expect, test } from 'vitest';
import { readBalance, book, correctBooking } from '../../../store/ledger.ts';
import { checkLedger } from '../../../store/ledgerChecks.ts';
import { emptyLedger, stayBooking, workBooking } from '../../support/ledgerFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';
import { useApi, type Json } from '../apiHarness.ts';

const { database } = useTestDatabase();
const api = useApi(database);
const AT_MS = Date.parse('2026-01-15T02:00Z');
const IBAN = 'DE89370400440532013000';
let second = '';

async function send(
  method: string,
  path: string,
  body?: unknown,
  key = api.ports.apiKey,
): Promise<{ status: number; body: Json }> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` };
  const answer = await fetch(`${api.server.url}${path}`, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
}

const balanceOf = async (account: string) => (await readBalance(database, account)).get('EUR') ?? 0;
const propose = () =>
  send('POST', '/ops/v1/payout_runs', { currency: 'EUR', min_amount: '0.50', execution_date: '2026-02-02' });

const entry = (id: string, amount: string, direction: 'DBIT' | 'CRDT', status = '<Sts><Cd>BOOK</Cd></Sts>') =>
  `<Ntry><Amt Ccy="EUR">${amount}</Amt><CdtDbtInd>${direction}</CdtDbtInd>${status}<BookgDt><Dt>2026-02-02</Dt></BookgDt>
     <NtryDtls><TxDtls><Refs><EndToEndId>${id}</EndToEndId></Refs>${direction === 'CRDT' ? '<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>' : ''}</TxDtls></NtryDtls></Ntry>`;

beforeEach(async () => {
  await database.query('truncate payout_runs, payouts, bank_accounts cascade');
  await emptyLedger(database);
  const made = await send('POST', '/ops/v1/keys', { tenant: 'desk', name: 'second', scopes: ['money'] });
  second = made.body.key;
  for (const [vehicleId, kwh] of [
    ['car-1', 10],
    ['car-2', 2],
    ['car-3', 1],
  ] as const)
    await book(database, workBooking({ vehicleId, kwh, reference: `job/b/shard/${vehicleId}`, atMs: AT_MS }));
  await send('PUT', '/ops/v1/payout_accounts/EUR', { name: 'Nightshift Betrieb', iban: IBAN });
  await send('PUT', '/fleet/v1/owners/owner-of-car-1/account', {
    name: 'Ada L',
    iban: 'GB29 NWBK 6016 1331 9268 19',
    bic: 'NWBKGB2L',
  });
});

describe('a payout run', () => {
  test('is proposed, confirmed with another key, booked once, filed and paid once', async () => {
    const { body: run } = await propose();
    expect(run).toMatchObject({ status: 'proposed', total: 4.5, payouts: [{ owner: 'owner-of-car-1', amount: 4.5 }] });
    expect(run.left_out).toEqual([
      { owner: 'owner-of-car-2', amount: 0.9, reason: 'no bank account is known' },
      { owner: 'owner-of-car-3', amount: 0.45, reason: 'less than the least amount, 0.50 EUR' },
    ]);
    expect((await propose()).status).toBe(409);
    expect(await balanceOf('owner/owner-of-car-1')).toBe(1_500_000);

    const path = `/ops/v1/payout_runs/${run.id}`;
    expect(await send('POST', `${path}/confirm`)).toMatchObject({ status: 403 });
    expect((await send('GET', `${path}/file`)).status).toBe(409);
    const confirmed = await Promise.all([1, 2, 3].map(() => send('POST', `${path}/confirm`, undefined, second)));
    for (const { body } of confirmed)
      expect(body).toMatchObject({ status: 'confirmed', payouts: [{ status: 'ordered' }] });
    expect(await balanceOf('clearing')).toBe(4_500_000);
    expect([await balanceOf('owner/owner-of-car-1'), await balanceOf('energy/owner-of-car-1')]).toEqual([0, 0]);

    const file = await (await api.fetch(`${path}/file`)).text();
    expect(file).toBe(await (await api.fetch(`${path}/file`)).text());
    expect(file).toContain('<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09">');
    expect(file).toContain('<IBAN>GB29NWBK60161331926819</IBAN>');
    expect(file).toContain('<InstdAmt Ccy="EUR">4.50</InstdAmt>');
    const csv = await (await api.fetch(`${path}/file?format=csv`)).text();
    expect(csv.split('\r\n')[1]).toBe(
      `${run.payouts[0].id},Ada L,GB29NWBK60161331926819,NWBKGB2L,4.50,EUR,2026-02-02,Nightshift ${run.id}`,
    );

    const paid = () =>
      send('POST', `${path}/paid`, { settled_on: '2026-02-02', payouts: [run.payouts[0].id, 'pay-none'] });
    expect((await paid()).body).toMatchObject({ paid: [run.payouts[0].id], refused: [{ end_to_end_id: 'pay-none' }] });
    expect((await paid()).body).toMatchObject({ paid: [], known_before: [run.payouts[0].id] });
    expect([await balanceOf('clearing'), await balanceOf('bank')]).toEqual([0, 4_500_000]);
    expect((await checkLedger(database)).faults).toEqual([]);
  });

  test('leaves out what was taken back between proposal and confirmation', async () => {
    const { body: run } = await propose();
    const corrects = 'compute/job/b/shard/car-1/car-1';
    await correctBooking(database, { corrects, key: 'x', keep: 0.5, of: 'pay', reason: 'its meter', atMs: AT_MS });
    const { body } = await send('POST', `/ops/v1/payout_runs/${run.id}/confirm`, undefined, second);
    expect(body).toMatchObject({ total: 0, payouts: [{ status: 'dropped', reason: 'only 2.25 EUR are left to get' }] });
    expect(await balanceOf('clearing')).toBe(0);
    expect((await propose()).body.payouts).toMatchObject([{ amount: 2.25 }]);
  });

  test('is dropped, and nothing of it is booked', async () => {
    const { body: run } = await propose();
    expect((await send('POST', `/ops/v1/payout_runs/${run.id}/drop`)).body.status).toBe('dropped');
    expect((await send('POST', `/ops/v1/payout_runs/${run.id}/confirm`, undefined, second)).status).toBe(409);
    expect(await balanceOf('clearing')).toBe(0);
  });
});

test('a bank’s notification marks what was paid and brings back what was returned, each once', async () => {
  await send('PUT', '/fleet/v1/owners/owner-of-car-2/account', { name: 'Bela', iban: IBAN });
  const { body: run } = await propose();
  await send('POST', `/ops/v1/payout_runs/${run.id}/confirm`, undefined, second);
  const [ada, bela] = run.payouts.map(({ id }: Json) => id);
  const notify = async (...entries: string[]): Promise<Json> => {
    const body = `<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"><BkToCstmrDbtCdtNtfctn>
      <GrpHdr><MsgId>n</MsgId></GrpHdr><Ntfctn><Id>1</Id>${entries.join('')}</Ntfctn></BkToCstmrDbtCdtNtfctn></Document>`;
    return (
      await api.fetch('/ops/v1/payout_notices', {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/xml' },
      })
    ).json();
  };
  const pending = entry(bela, '0.90', 'DBIT', '<Sts><Cd>PDNG</Cd></Sts>');
  expect(await notify(entry(ada, '4.50', 'DBIT'), entry('else', '1.00', 'DBIT'), pending)).toMatchObject({
    paid: [ada],
    refused: [{ end_to_end_id: 'else', reason: 'there is no such payout' }],
  });
  expect(await notify(entry(bela, '0.91', 'DBIT'))).toMatchObject({
    refused: [{ reason: 'the bank says 0.91 EUR, it is 0.90 EUR' }],
  });
  expect(await notify(entry(bela, '0.90', 'CRDT'), entry(ada, '4.50', 'DBIT'))).toMatchObject({
    returned: [bela],
    known_before: [ada],
  });
  expect([await balanceOf('clearing'), await balanceOf('owner/owner-of-car-2')]).toEqual([0, 900_000]);
  const nonsense = await api.fetch('/ops/v1/payout_notices', {
    method: 'POST',
    body: '<a><b></a>',
    headers: { 'content-type': 'application/xml' },
  });
  expect(nonsense.status).toBe(400);
  expect((await checkLedger(database)).faults).toEqual([]);
});

test('bank details are checked, kept sealed, and an owner’s own', async () => {
  const bad = await send('PUT', '/fleet/v1/owners/ada/account', { name: 'Ada', iban: 'DE89370400440532013001' });
  expect(bad.body.error).toMatchObject({ param: 'iban', message: expect.stringContaining('whose check digits hold') });
  const rows = await database.query<Json>('select * from bank_accounts');
  expect(JSON.stringify(rows)).not.toContain('NWBK');
  const { body } = await send('POST', '/fleet/v1/owners/owner-of-car-1/keys');
  const other = await send('PUT', '/fleet/v1/owners/owner-of-car-2/account', { name: 'x', iban: IBAN }, body.key);
  expect(other.status).toBe(404);
  expect(
    (await send('GET', '/fleet/v1/owners/owner-of-car-2/statement?period=2026-01', undefined, body.key)).status,
  ).toBe(404);
});

test('a statement has every line of its month, with corrections and their reasons', async () => {
  await book(database, stayBooking({ vehicleId: 'car-1', hours: 10, reference: 'session/car-1/1', atMs: AT_MS }));
  const corrects = 'compute/job/b/shard/car-1/car-1';
  const later = Date.parse('2026-01-31T23:30Z');
  await correctBooking(database, {
    corrects,
    key: 'x',
    keep: 0.5,
    of: 'pay',
    reason: 'its meter counted half',
    atMs: later,
  });
  const path = '/fleet/v1/owners/owner-of-car-1/statement';
  const statement = await api.getJson(`${path}?period=2026-01`);
  expect(statement.totals).toEqual([
    {
      currency: 'EUR',
      energy: 1.5,
      wear: 0.25,
      work: 0.5,
      streak: 0,
      availability: 0.2,
      adjustments: 0,
      earned: 2.45,
      paidOut: 0,
      computeKwh: 5,
      availableHours: 10,
      shards: 1,
    },
  ]);
  expect(statement.balances).toEqual({ EUR: 2.45 });
  // In Berlin it is February by then.
  const berlin = await api.getJson(`${path}?period=2026-02&timeZone=Europe/Berlin`);
  expect(berlin.lines.map(({ item, amount, reason }: Json) => [item, amount, reason])).toEqual([
    ['energy', -1.5, 'its meter counted half'],
    ['wear', -0.25, 'its meter counted half'],
    ['work', -0.5, 'its meter counted half'],
  ]);
  const csv = await (await api.fetch(`${path}?period=2026&format=csv`)).text();
  expect(csv.split('\r\n')).toHaveLength(9);
  expect(csv).toContain(`,session/car-1/1,availability,10.00,h,0.02,0.20,EUR,,`);
  expect((await api.fetch(`${path}?period=2026-13`)).status).toBe(400);
});
