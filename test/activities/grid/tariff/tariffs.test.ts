import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { DateTime } from 'luxon';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { feedListSchema } from '../../../../activities/grid/feeds/feedConfig.ts';
import { feedOpener } from '../../../../activities/grid/feeds/openFeeds.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-tariff-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** The price of a feed at times on the clock of a zone. */
async function pricesAt(config: object, zone: string, times: readonly string[]): Promise<number[]> {
  const [feed] = feedOpener({ folder, env: {} })({ id: 'r', timeZone: zone, feeds: [config] });
  const prices: number[] = [];
  for (const time of times) {
    const atMs = DateTime.fromISO(time, { zone }).toMillis();
    const [span] = (await feed?.read({ startMs: atMs, endMs: atMs + 60_000 }, atMs)) ?? [];
    prices.push(Number(span?.value.toFixed(6)));
  }
  return prices;
}

describe('windows written by hand', () => {
  const tariff = {
    kind: 'tariff',
    windows: [
      { days: ['holiday'], from: '00:00', until: '24:00', eurPerKwh: 0.1 },
      {
        days: ['mon', 'tue', 'wed', 'thu', 'fri'],
        season: { from: '11-01', through: '02-28' },
        from: '17:00',
        until: '20:00',
        eurPerKwh: 0.5,
      },
      { from: '22:00', until: '06:00', eurPerKwh: 0.2 },
    ],
    otherwiseEurPerKwh: 0.3,
    holidays: ['2026-12-25'],
  };

  test.each([
    ['a weekday evening in its season', '2026-11-24T18:00', 0.5],
    ['the end of it', '2026-11-24T20:00', 0.3],
    ['a weekend evening', '2026-11-28T18:00', 0.3],
    ['a weekday evening out of season', '2026-06-02T18:00', 0.3],
    ['the first day of the season', '2026-11-02T17:00', 0.5],
    ['after the turn of the year', '2027-01-04T17:00', 0.5],
    ['the last day of the season', '2028-02-28T17:00', 0.5],
    ['the day after it', '2027-03-01T17:00', 0.3],
    ['before midnight', '2026-06-02T23:59', 0.2],
    ['after midnight', '2026-06-03T05:59', 0.2],
    ['a holiday, which is no Friday', '2026-12-25T18:00', 0.1],
  ])('%s', async (_, time, price) => {
    expect(await pricesAt(tariff, 'Europe/Berlin', [time])).toEqual([price]);
  });

  test('goes by its own clock where it names one', async () => {
    expect(
      await pricesAt({ ...tariff, timeZone: 'America/Los_Angeles' }, 'UTC', ['2026-06-03T06:00', '2026-06-03T13:00']),
    ).toEqual([0.2, 0.3]);
  });

  test.each([
    [{ windows: [{ from: '24:00', until: '06:00', eurPerKwh: 1 }] }, 'windows.0.from', 'before 24:00'],
    [{ windows: [{ from: '7:00', until: '06:00', eurPerKwh: 1 }] }, 'windows.0.from', 'from 00:00 to 24:00'],
    [{ holidays: ['25.12.2026'] }, 'holidays.0', 'YYYY-MM-DD'],
    [{ timeZone: 'Berlin' }, 'timeZone', 'IANA'],
  ])('names the field and the limit of what is wrong: %j', (over, field, limit) => {
    const issue = feedListSchema.safeParse([{ ...tariff, ...over }]).error?.issues[0];
    expect(issue?.path.slice(1).join('.')).toBe(field);
    expect(issue?.message).toContain(limit);
  });
});

const months = (row: readonly number[]): number[][] => Array.from({ length: 12 }, () => [...row]);

describe('the Utility Rate Database', () => {
  const weekday = Array.from({ length: 24 }, (_, hour) => (hour >= 16 && hour < 21 ? 1 : 0));
  const rate = {
    label: '5cd',
    energyratestructure: [[{ rate: 0.2, adj: 0.02, max: 300, unit: 'kWh' }, { rate: 0.3 }], [{ rate: 0.5 }]],
    energyweekdayschedule: months(weekday),
    energyweekendschedule: months(Array.from({ length: 24 }, () => 0)),
  };
  const config = { kind: 'urdb', path: 'rate.json', eurPerUsd: 1, holidays: ['2026-11-26'] };

  test('adds rate and adjustment, by weekday, weekend and holiday on the wall clock', async () => {
    await writeFile(join(folder, 'rate.json'), JSON.stringify({ items: [rate] }));
    const times = ['2026-11-24T15:59', '2026-11-24T16:00', '2026-11-28T16:00', '2026-11-26T16:00'];
    expect(await pricesAt(config, 'America/Los_Angeles', times)).toEqual([0.22, 0.5, 0.22, 0.22]);
    expect(await pricesAt({ ...config, tier: 2 }, 'America/Los_Angeles', times.slice(0, 2))).toEqual([0.3, 0.5]);
  });

  test('refuses a schedule that names a period which is not there', async () => {
    await writeFile(
      join(folder, 'rate.json'),
      JSON.stringify({ ...rate, energyweekendschedule: months(weekday.map(() => 2)) }),
    );
    await expect(pricesAt(config, 'UTC', ['2026-11-24T15:59'])).rejects.toThrow(
      'energyweekendschedule: names a period that energyratestructure has not; it has 2',
    );
  });
});
