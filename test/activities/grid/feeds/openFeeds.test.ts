import { DAY_MS } from '../../../../domain/durations.ts';
import { beforeEach, describe, expect, test } from 'vitest';

import { feedListSchema } from '../../../../activities/grid/feeds/feedConfig.ts';
import { feedOpener } from '../../../../activities/grid/feeds/openFeeds.ts';
import type { SignalSpan } from '../../../../store/signals.ts';
import { useSourceServer } from '../../../support/sourceServer.ts';
import { zipOf } from './zipOf.ts';

const source = useSourceServer();
const NOW_MS = Date.UTC(2026, 0, 1, 12);
const WINDOW = { startMs: Date.UTC(2026, 0, 1), endMs: Date.UTC(2026, 0, 3) };
const SECRET = 'hush-hush-token';
const env = { TOKEN: SECRET, USER_NAME: 'ada', PASSWORD: SECRET };

beforeEach(() => {
  source.asked.length = 0;
});

/** Reads one feed through everything that production puts around it. */
async function read(config: object, window = WINDOW): Promise<SignalSpan[]> {
  const [feed] = feedOpener({ folder: '/', env })({
    id: 'r',
    timeZone: 'UTC',
    feeds: [{ url: source.origin, ...config }],
  });
  if (!feed) throw new Error('no feed');
  return feed.read(window, NOW_MS);
}

const shortTime = (ms: number): string => new Date(ms).toISOString().slice(5, 16);
const brief = (spans: readonly SignalSpan[]): string[] =>
  spans.map(({ startMs, endMs, value, forecast, estimated }) => {
    return `${shortTime(startMs)} ${shortTime(endMs)} ${Number(value.toFixed(6))}${forecast ? ' f' : ''}${estimated ? ' e' : ''}`;
  });
const answerJson = (value: unknown): void => {
  source.answer = () => ({ body: JSON.stringify(value) });
};

const pricePoint = (position: number, price: number): string =>
  `<Point><position>${position}</position><price.amount>${price}</price.amount></Point>`;

const priceSeries = (
  resolution: string,
  points: string,
  { start = '2026-01-01T00:00Z', end = '2026-01-01T02:00Z', auction = '', curve = 'A03', currency = 'EUR' } = {},
): string => `<TimeSeries><mRID>1</mRID>${auction}<currency_Unit.name>${currency}</currency_Unit.name>
  <price_Measure_Unit.name>MWH</price_Measure_Unit.name><curveType>${curve}</curveType>
  <Period><timeInterval><start>${start}</start><end>${end}</end></timeInterval>
  <resolution>${resolution}</resolution>${points}</Period></TimeSeries>`;

const auctionTag = (position: number): string =>
  `<classificationSequence_AttributeInstanceComponent.position>${position}</classificationSequence_AttributeInstanceComponent.position>`;

const answerXml = (...all: string[]): void => {
  source.answer = () => ({
    body: `<?xml version="1.0" encoding="utf-8"?><Publication_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-3:publicationdocument:7:3">${all.join('')}</Publication_MarketDocument>`,
  });
};

describe('ENTSO-E A44', () => {
  const config = { kind: 'entsoe', biddingZone: '10Y1001A1001A82H', tokenEnv: 'TOKEN' };

  test('fills forward what curve A03 leaves out, to the end of the interval', async () => {
    answerXml(priceSeries('PT15M', pricePoint(1, 100) + pricePoint(4, 80) + pricePoint(5, -5)));
    expect(brief(await read(config))).toEqual([
      '01-01T00:00 01-01T00:45 0.1',
      '01-01T00:45 01-01T01:00 0.08',
      '01-01T01:00 01-01T02:00 -0.005',
    ]);
    expect(source.asked[0]?.url.searchParams.get('periodStart')).toBe('202601010000');
  });

  test('leaves a gap of curve A01 open', async () => {
    answerXml(priceSeries('PT60M', pricePoint(2, 80), { curve: 'A01', end: '2026-01-01T03:00Z' }));
    expect(brief(await read(config))).toEqual(['01-01T01:00 01-01T02:00 0.08']);
  });

  test.each([
    ['2026-03-28T23:00Z', '2026-03-29T22:00Z', 92],
    ['2026-10-24T22:00Z', '2026-10-25T23:00Z', 100],
  ])('covers a day with a clock change whole: %s', async (start, end, quarters) => {
    const points = Array.from({ length: quarters }, (_, index) => pricePoint(index + 1, index)).join('');
    answerXml(priceSeries('PT15M', points, { start, end }));
    const spans = await read(config, { startMs: Date.parse(start) - DAY_MS, endMs: Date.parse(end) + DAY_MS });
    expect(spans).toHaveLength(quarters);
    expect([spans[0]?.startMs, spans.at(-1)?.endMs]).toEqual([Date.parse(start), Date.parse(end)]);
  });

  test('of several auctions the lowest classification counts, and of one auction the finer resolution', async () => {
    const hour = { end: '2026-01-01T01:00Z' };
    answerXml(
      priceSeries('PT15M', pricePoint(1, 1), { ...hour, auction: auctionTag(2) }),
      priceSeries('PT60M', pricePoint(1, 100) + pricePoint(2, 120), { auction: auctionTag(1) }),
      priceSeries('PT15M', pricePoint(1, 90) + pricePoint(2, 95), { ...hour, auction: auctionTag(1) }),
    );
    expect(brief(await read(config))).toEqual([
      '01-01T00:00 01-01T00:15 0.09',
      '01-01T00:15 01-01T01:00 0.095',
      '01-01T01:00 01-01T02:00 0.12',
    ]);
  });

  test('an acknowledgement is an error, also with status 200', async () => {
    source.answer = () => ({
      body: '<Acknowledgement_MarketDocument><Reason><code>999</code><text>No matching data found</text></Reason></Acknowledgement_MarketDocument>',
    });
    await expect(read(config)).rejects.toThrow('No matching data found');
  });

  test.each([
    ['prices in another currency', () => answerXml(priceSeries('PT60M', pricePoint(1, 1), { currency: 'PLN' })), 'PLN'],
    ['an unknown resolution', () => answerXml(priceSeries('P1M', pricePoint(1, 1))), 'P1M'],
    ['HTML', () => (source.answer = () => ({ body: '<html><br>down</html>' })), 'down'],
    ['no XML', () => (source.answer = () => ({ body: 'Service <unavailable' })), 'no XML'],
  ])('refuses %s', async (_, prepare, message) => {
    prepare();
    await expect(read(config)).rejects.toThrow(message);
  });
});

const octopusRate = (pence: number, from: string, to: string | null, payment_method: string | null = null) => ({
  value_exc_vat: pence / 1.05,
  value_inc_vat: pence,
  valid_from: from,
  valid_to: to,
  payment_method,
});

describe('Octopus Agile', () => {
  const config = { kind: 'octopus', product: 'AGILE-24-10-01', tariff: 'E-1R-AGILE-24-10-01-C', eurPerGbp: 1.2 };

  test('walks the pages, takes one way to pay, and ends an open rate with the window', async () => {
    source.answer = (url) => ({
      body: JSON.stringify(
        url.searchParams.has('page')
          ? { next: null, results: [octopusRate(20, '2026-01-01T00:00:00Z', '2026-01-01T00:30:00Z')] }
          : {
              next: `${source.origin}${url.pathname}?page=2`,
              results: [
                octopusRate(-10, '2026-01-01T00:30:00Z', null, 'DIRECT_DEBIT'),
                octopusRate(-9, '2026-01-01T00:30:00Z', null, 'NON_DIRECT_DEBIT'),
              ],
            },
      ),
    });
    expect(brief(await read(config))).toEqual(['01-01T00:00 01-01T00:30 0.24', '01-01T00:30 01-03T00:00 -0.12']);
    expect(source.asked).toHaveLength(2);
  });

  test('does not follow a link to another host', async () => {
    answerJson({ next: 'https://example.org/?page=2', results: [] });
    await expect(read(config)).rejects.toThrow('leads to https://example.org');
  });
});

const oasisRow = (hour: number, type: string, usd: number | string): string =>
  `2026-01-01T0${hour}:00:00-00:00,2026-01-01T0${hour + 1}:00:00-00:00,2025-12-31,${hour + 17},N,${type},X,${usd},1`;

describe('CAISO OASIS', () => {
  const config = { kind: 'caiso', node: 'TH_NP15_GEN-APND', eurPerUsd: 0.9 };
  const header = 'INTERVALSTARTTIME_GMT,INTERVALENDTIME_GMT,OPR_DT,OPR_HR,NODE,LMP_TYPE,XML_DATA_ITEM,MW,GROUP';

  test('takes the price from the zipped table, whatever the order of its rows', async () => {
    const table = [
      header,
      oasisRow(1, 'LMP', 50),
      oasisRow(0, 'MCC', 7),
      oasisRow(0, 'LMP', 40),
      oasisRow(2, 'LMP', ''),
      '',
    ].join('\r\n');
    source.answer = () => ({ body: zipOf('20260101_PRC_LMP_DAM.csv', table) });
    expect(brief(await read(config))).toEqual(['01-01T00:00 01-01T01:00 0.036', '01-01T01:00 01-01T02:00 0.045']);
    expect(source.asked[0]?.url.searchParams.get('startdatetime')).toBe('20260101T00:00-0000');
  });

  test('names the prices of the real-time market by their own column', async () => {
    const table = [header.replace(',MW,', ',VALUE,'), oasisRow(0, 'LMP', 40)].join('\n');
    source.answer = () => ({ body: zipOf('x.csv', table) });
    expect(brief(await read({ ...config, market: 'real_time' }))).toEqual(['01-01T00:00 01-01T01:00 0.036']);
  });

  test('a page with status 200 is an answer to ask again after', async () => {
    let asked = 0;
    source.answer = () =>
      ++asked === 1 ? { body: '<html>Too many requests</html>' } : { body: zipOf('x.csv', [header].join('\n')) };
    expect(await read(config)).toEqual([]);
    expect(asked).toBe(2);
  });

  test('tells the error that an archive holds, and an archive that is cut off', async () => {
    source.answer = () => ({
      body: zipOf('INVALID.xml', '<m:ERROR><m:ERR_DESC>No data returned</m:ERR_DESC></m:ERROR>'),
    });
    await expect(read(config)).rejects.toThrow('No data returned');
    source.answer = () => ({ body: zipOf('x.csv', header).subarray(0, 40) });
    await expect(read(config)).rejects.toThrow('no readable zip archive');
  });
});

const intensityPoint = (hour: number, carbonIntensity: number | null, isEstimated?: boolean) => ({
  carbonIntensity,
  datetime: new Date(Date.UTC(2026, 0, 1, hour)).toISOString(),
  ...(isEstimated !== undefined && { isEstimated }),
});

describe('Electricity Maps', () => {
  const config = { kind: 'electricity_maps', zone: 'DE', tokenEnv: 'TOKEN' };

  test('an hour that is missing or null is a gap; what was measured counts before what was expected', async () => {
    source.answer = (url) => ({
      body: JSON.stringify(
        url.pathname.endsWith('history')
          ? { zone: 'DE', history: [intensityPoint(0, 500, false), intensityPoint(1, 510, true)] }
          : {
              zone: 'DE',
              forecast: [
                intensityPoint(1, 600),
                intensityPoint(2, 610),
                intensityPoint(3, null),
                intensityPoint(4, 630),
                intensityPoint(6, 650),
              ],
            },
      ),
    });
    const spans = await read(config);
    expect(brief(spans)).toEqual([
      '01-01T00:00 01-01T01:00 500',
      '01-01T01:00 01-01T02:00 510 e',
      '01-01T02:00 01-01T03:00 610 f',
      '01-01T04:00 01-01T05:00 630 f',
      '01-01T06:00 01-01T07:00 650 f',
    ]);
    expect(new Set(spans.map(({ kind }) => kind))).toEqual(new Set(['carbon']));
    expect(source.asked[0]?.headers['auth-token']).toBe(SECRET);
  });

  test('an error body with status 200 is an error', async () => {
    answerJson({ status: 'error', message: 'Zone is not available' });
    await expect(read(config)).rejects.toThrow('Zone is not available');
  });
});

const moerForecast = (units: string) => ({
  data: [
    { point_time: '2026-01-01T00:00:00Z', value: 1000 },
    { point_time: '2026-01-01T00:05:00+00:00', value: 500 },
  ],
  meta: { signal_type: 'co2_moer', units, data_point_period_seconds: 300, region: 'CAISO_NORTH' },
});

describe('WattTime', () => {
  const config = { kind: 'watttime', region: 'CAISO_NORTH', usernameEnv: 'USER_NAME', passwordEnv: 'PASSWORD' };

  test('logs in and reads marginal grams', async () => {
    source.answer = (url) => ({
      body: JSON.stringify(url.pathname === '/login' ? { token: 't1' } : moerForecast('lbs_co2_per_mwh')),
    });
    const spans = await read(config);
    expect(brief(spans)).toEqual(['01-01T00:00 01-01T00:05 453.59237 f', '01-01T00:05 01-01T00:10 226.796185 f']);
    expect(spans[0]?.kind).toBe('marginal_carbon');
    expect(source.asked.map(({ headers }) => headers.authorization)).toEqual([
      `Basic ${Buffer.from(`ada:${SECRET}`).toString('base64')}`,
      'Bearer t1',
    ]);
  });

  test('shows neither its token nor its credentials, whatever the source answers', async () => {
    const basic = Buffer.from(`ada:${SECRET}`).toString('base64');
    source.answer = () => ({ body: JSON.stringify({ access_token: 'sesame' }) });
    const login = String(await read(config).catch((error: unknown) => error));
    expect(login).toContain('another form');
    expect(login).not.toContain('sesame');
    source.answer = ({ pathname }) =>
      pathname === '/login'
        ? { body: JSON.stringify({ token: 'sesame' }) }
        : { status: 400, body: `Bearer sesame, Basic ${basic}, or what?` };
    expect(String(await read(config).catch((error: unknown) => error))).toContain('400: Bearer ***');
    source.answer = () => ({ status: 401, body: `no such credentials: ${basic}` });
    expect(String(await read(config).catch((error: unknown) => error))).toContain('(not shown)');
  });

  test('refuses another unit', async () => {
    source.answer = (url) => ({
      body: JSON.stringify(url.pathname === '/login' ? { token: 't1' } : moerForecast('percentile')),
    });
    await expect(read(config)).rejects.toThrow('percentile');
  });
});

const ukSpan = (from: string, to: string, forecast: number, actual?: number | null) => ({
  from,
  to,
  intensity: { forecast, ...(actual !== undefined && { actual }), index: 'moderate' },
});

describe('UK Carbon Intensity', () => {
  test('reads the nation: the actual figure where there is one', async () => {
    answerJson({
      data: [
        ukSpan('2026-01-01T00:00Z', '2026-01-01T00:30Z', 150, 160),
        ukSpan('2026-01-01T00:30Z', '2026-01-01T01:00Z', 156, null),
      ],
    });
    expect(brief(await read({ kind: 'uk_carbon' }))).toEqual([
      '01-01T00:00 01-01T00:30 160',
      '01-01T00:30 01-01T01:00 156 f',
    ]);
    expect(source.asked[0]?.url.pathname).toBe('/intensity/2026-01-01T00:00Z/2026-01-03T00:00Z');
  });

  test('reads a region, whose list lies deeper', async () => {
    answerJson({ data: { regionid: 13, data: [ukSpan('2026-01-01T00:00Z', '2026-01-01T00:30Z', 90)] } });
    expect(brief(await read({ kind: 'uk_carbon', regionNumber: 13 }))).toEqual(['01-01T00:00 01-01T00:30 90 f']);
  });

  test('an error body with status 200 is an error', async () => {
    answerJson({ error: { code: '400 Bad Request', message: 'Please enter a valid date' } });
    await expect(read({ kind: 'uk_carbon' })).rejects.toThrow('Please enter a valid date');
  });
});

describe('Open-Meteo', () => {
  const config = { kind: 'open_meteo', latitude: 52.5, longitude: 13.4 };

  test('reads hours, a missing one is a gap', async () => {
    const time = [0, 1, 2].map((hour) => Date.UTC(2026, 0, 1, hour) / 1000);
    answerJson({
      hourly_units: { time: 'unixtime', temperature_2m: '°C' },
      hourly: { time, temperature_2m: [-3.5, null, 0] },
    });
    expect(brief(await read(config))).toEqual(['01-01T00:00 01-01T01:00 -3.5 f', '01-01T02:00 01-01T03:00 0 f']);
  });

  test('tells the reason of a refusal', async () => {
    answerJson({ error: true, reason: 'Latitude must be in range' });
    await expect(read(config)).rejects.toThrow('Latitude must be in range');
  });
});

describe('every feed over HTTP', () => {
  const config = { kind: 'entsoe', biddingZone: '10Y1001A1001A82H', tokenEnv: 'TOKEN' };

  test('never shows its secret, not even when the source echoes it', async () => {
    source.answer = (url) => ({ status: 401, body: `Unauthorized: ${url.search}` });
    const error: unknown = await read(config).catch((thrown: unknown) => thrown);
    expect(String(error)).toContain('answered 401: Unauthorized');
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(SECRET);
    expect(source.asked[0]?.url.searchParams.get('securityToken')).toBe(SECRET);
  });

  test('refuses what cannot be', async () => {
    answerJson({ data: [ukSpan('2026-01-01T00:00Z', '2026-01-01T00:30Z', 20_000)] });
    await expect(read({ kind: 'uk_carbon' })).rejects.toThrow('20000 g/kWh, which is not from 0 to 10000');
  });

  test('refuses redirects', async () => {
    source.answer = () => ({ status: 302, headers: { location: `${source.origin}/elsewhere` } });
    await expect(read(config)).rejects.toThrow('redirects, which is refused');
    expect(source.asked).toHaveLength(1);
  });

  test('fails by itself when its secret is not set', async () => {
    await expect(read({ ...config, tokenEnv: 'NOT_SET' })).rejects.toThrow('environment variable NOT_SET is not set');
  });

  test('stays open while its configuration is the same, so that a second reading comes from its cache', async () => {
    answerJson({ data: [] });
    const open = feedOpener({ folder: '/', env });
    const region = (priority: number) => ({
      id: 'r',
      timeZone: 'UTC',
      feeds: [{ kind: 'uk_carbon', url: source.origin, priority }],
    });
    await open(region(1))[0]?.read(WINDOW, NOW_MS);
    await open(region(1))[0]?.read(WINDOW, NOW_MS + 60_000);
    expect(source.asked).toHaveLength(1);
    await open(region(2))[0]?.read(WINDOW, NOW_MS + 60_000);
    expect(source.asked).toHaveLength(2);
  });

  test.each([
    ['http://example.org', 'must be an origin'],
    ['https://example.org/path', 'must be an origin'],
    ['file:///etc', 'must be an origin'],
  ])('cannot be pointed at %s', (url, message) => {
    const parsed = feedListSchema.safeParse([{ kind: 'uk_carbon', url }]);
    expect(parsed.error?.issues[0]?.message).toContain(message);
  });

  test('two of one kind need names, and a secret is no value of the file', () => {
    const twice = feedListSchema.safeParse([{ kind: 'uk_carbon' }, { kind: 'uk_carbon' }]);
    expect(twice.error?.issues[0]?.path).toEqual([1, 'name']);
    const inFile = feedListSchema.safeParse([{ ...config, tokenEnv: 'a1b2-c3' }]);
    expect(inFile.error?.issues[0]?.message).toContain('must name an environment variable');
  });
});
