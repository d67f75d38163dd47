import { beforeAll, expect, test } from 'vitest';
import { PDFDocument } from 'pdf-lib';
import { book, correctBooking } from '../../../store/ledger.ts';
import { checkLedger } from '../../../store/ledgerChecks.ts';
import { workBooking } from '../../support/ledgerFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';
import { useApi, type Json } from '../apiHarness.ts';

const { database } = useTestDatabase();
const api = useApi(database);
const AT_MS = Date.parse('2026-01-15T02:00Z');

async function send(method: string, path: string, body: unknown): Promise<{ status: number; body: Json }> {
  const headers = { 'content-type': 'application/json' };
  const answer = await api.fetch(path, { method, headers, body: JSON.stringify(body) });
  return { status: answer.status, body: await answer.json() };
}

beforeAll(async () => {
  const work = workBooking({ vehicleId: 'car-1', kwh: 2, units: 500, reference: 'job/b1/shard/0', atMs: AT_MS });
  await book(database, work);
  await book(
    database,
    workBooking({ vehicleId: 'car-2', kwh: 1, reference: 'job/b2/shard/0', atMs: AT_MS + 86_400_000 }),
  );
  const later = Date.parse('2026-02-01T00:00Z');
  await correctBooking(database, {
    corrects: work.key,
    key: 'x',
    keep: 0.5,
    of: 'all',
    reason: 'wrong lines',
    atMs: later,
  });
});

test('costs are told by day and model, in the form of OpenAI', async () => {
  const start = Date.parse('2026-01-14T00:00Z') / 1000;
  const page = await api.getJson(`/v1/organization/costs?start_time=${start}&end_time=${start + 5 * 86_400}&limit=3`);
  expect(
    page.data.map(({ results }: Json) => results.map(({ amount, line_item }: Json) => [line_item, amount])),
  ).toEqual([[], [['ocr', { value: 1.55, currency: 'eur' }]], [['ocr', { value: 0.75, currency: 'eur' }]]]);
  expect(page).toMatchObject({ object: 'page', has_more: true, next_page: String(start + 3 * 86_400) });
  const rest = await api.getJson(
    `/v1/organization/costs?start_time=${start}&end_time=${start + 5 * 86_400}&page=${page.next_page}`,
  );
  expect(rest).toMatchObject({ has_more: false, data: [{ results: [] }, { results: [] }] });
});

test('invoices are issued once for a month that is over, with lines, tax and the later correction on the later one', async () => {
  await send('PUT', '/ops/v1/billing/operator', {
    name: 'Nightshift Betrieb',
    address: ['Weg 1'],
    tax_id: 'DE1',
    tax_percent: 19,
  });
  const { body } = await send('POST', '/ops/v1/invoices', { period: '2026-01' });
  expect(body.data).toHaveLength(1);
  const [invoice] = body.data;
  expect(invoice).toMatchObject({
    tenant: 'default',
    period: '2026-01',
    net: 2.3,
    tax_percent: 19,
    tax: 0.44,
    gross: 2.74,
  });
  expect(invoice.lines.map(({ batch, unit, amount }: Json) => [batch, unit, amount])).toEqual([
    ['b1', '1,000 pages', 0.05],
    ['b1', 'kWh', 1.5],
    ['b2', 'kWh', 0.75],
  ]);
  await send('PUT', '/ops/v1/billing/operator', { name: 'Another', tax_percent: 7 });
  expect((await send('POST', '/ops/v1/invoices', { period: '2026-01' })).body.data).toEqual([invoice]);
  const [february] = (await send('POST', '/ops/v1/invoices', { period: '2026-02' })).body.data;
  expect(february).toMatchObject({ net: -0.78, lines: [{ correction: true }, { correction: true }] });
  expect((await send('POST', '/ops/v1/invoices', { period: '2999-01' })).body.error).toMatchObject({ param: 'period' });

  const path = `/v1/organization/invoices/${invoice.number}`;
  expect(await api.getJson(path)).toEqual(invoice);
  expect((await (await api.fetch(`${path}?format=csv`)).text()).split('\r\n')).toHaveLength(5);
  const pdf = await api.fetch(`${path}?format=pdf`);
  expect(pdf.headers.get('content-type')).toBe('application/pdf');
  const read = await PDFDocument.load(await pdf.arrayBuffer());
  expect([read.getPageCount(), read.getTitle()]).toEqual([1, `Invoice ${invoice.number}`]);
});

const deposit = (amount = '25.00') =>
  send('POST', '/ops/v1/deposits', { tenant: 'lab', amount, currency: 'EUR', reference: 'ZV 1' });

test('a deposit is booked once for its reference', async () => {
  await deposit();
  expect((await deposit()).body).toEqual({ tenant: 'lab', balance: { EUR: 25 } });
  const { status, body } = await deposit('26.00');
  expect([status, body.error.message]).toEqual([409, expect.stringContaining('was booked with 25.00 EUR')]);
  expect((await checkLedger(database)).faults).toEqual(
    [expect.objectContaining({ check: 'booked_accepted' })].slice(1),
  );
});

test('margins are told by region, hour and model; what submitters paid is what all others got', async () => {
  const window = 'start=2026-01-01T00:00:00Z&end=2026-02-01T00:00:00Z';
  const { data } = await api.getJson(`/ops/v1/margins?${window}&group_by=region`);
  // 3 kWh at 0.75 and 500 pages; owners get 0.15 a kWh and their energy 0.30.
  expect(data).toEqual([
    {
      group: 'oslo',
      currency: 'EUR',
      submitters: 2.3,
      owners: 0.45,
      canaries: 0,
      energy: 0.9,
      checking: 0,
      margin: 0.95,
      exchange: 0,
    },
  ]);
  expect((await api.getJson(`/ops/v1/margins?${window}&group_by=model`)).data[0]).toMatchObject({
    group: 'ocr',
    margin: 0.95,
  });
  expect((await api.getJson(`/ops/v1/margins?${window}&group_by=hour`)).data).toMatchObject([
    { group: '02', margin: 0.95 },
  ]);
});
