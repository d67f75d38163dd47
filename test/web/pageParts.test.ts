import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { eur, number, onClockOf } from '../../web/format.ts';
import { chooseLanguage, t } from '../../web/i18n.ts';
import { emptyLiveState, takeEvent } from '../../web/liveState.ts';
import { loadSeries, together } from '../../web/loadSeries.ts';
import { en } from '../../web/messages/en.ts';
import { stretches } from '../../web/owner/nightInWords.ts';
import { shownRange } from '../../web/virtualRows.ts';
import type { CarRowWire } from '../../api/wire/page.ts';
import type { TimelineWire } from '../../api/wire/timeline.ts';

const WEB = fileURLToPath(new URL('../../web/', import.meta.url));

describe('the catalogue of texts', () => {
  test('has each text that the page asks for, and none that it does not', async () => {
    const names = (await readdir(WEB, { recursive: true })).filter((name) => /(?<!en)\.tsx?$/.test(name));
    const source = (await Promise.all(names.map((name) => readFile(join(WEB, name), 'utf8')))).join('\n');
    const parts = [...source.matchAll(/['`]([a-zA-Z]+\.[\w${}.]+)['`]/g)].map(([, key = '']) => key);
    const isAsked = (key: string): boolean =>
      parts.some((part) => part === key || new RegExp(`^${part.replace(/\$\{[^}]*\}/g, '\\w+')}$`).test(key));
    expect(Object.keys(en).filter((key) => !isAsked(key))).toEqual([]);
  });

  test('fills in and chooses plurals', () => {
    chooseLanguage(['xx', 'en-GB']);
    expect(t('cars.count', { count: 1 })).toBe('1 car');
    expect(t('cars.count', { count: 2 })).toBe('2 cars');
    expect(t('owner.target', { target: '80 %', at: '07:30' })).toBe('80 % by 07:30');
    expect(number(-0.001, 1)).toBe('0.0');
    expect(number(12_345)).toBe('12,345');
    expect(number(null)).toBe('–');
    expect(eur(4.525)).toBe('€4.53');
    expect(eur(0.0123, 4)).toBe('€0.0123');
    expect(eur(null)).toBe('–');
  });

  test('says the planner’s times on the clock beside them, also over midnight and a change of the clock', () => {
    const summer = Date.parse('2026-07-01T20:00:00Z');
    const text = 'It waits for 23:45 UTC: 0.243 EUR/kWh then. It would start now below 0.245.';
    expect(onClockOf('Europe/Berlin', text, summer)).toBe(text.replace('23:45 UTC', '01:45'));
    expect(onClockOf('Australia/Adelaide', '00:30 UTC, 12:00 UTC', Date.parse('2026-12-01T00:00:00Z'))).toBe(
      '11:00, 22:30',
    );
  });
});

const timeline = (columns: Partial<TimelineWire>): TimelineWire =>
  ({
    start: '2026-01-14T20:00:00Z',
    slot_minutes: 15,
    price_eur_per_kwh: [0.1, 0.2, null],
    carbon_g_per_kwh: [100, 200, null],
    limit_kw: [10, 10, 10],
    house_kw: [2, 2, 2],
    planned_charge_kw: [4, 3, 1],
    planned_compute_kw: [1, 1, 0],
    metered_charge_kw: [3, null, null],
    metered_compute_kw: [0.5, null, null],
    limit_price_eur_per_kwh: [0, 0.01, 0],
    ...columns,
  }) as TimelineWire;

describe('load for drawing', () => {
  test('is as metered in the past and as planned ahead, stacked, each step to the end of its slot', () => {
    const series = loadSeries(timeline({}));
    expect(series.xs).toHaveLength(4);
    expect(series.pastAll).toEqual([5.5, 5.5, null, null]);
    expect(series.aheadAll).toEqual([null, 6, 3, 3]);
    expect(series.plannedPast).toEqual([7, 7, null, null]);
    expect(series.price).toEqual([10, 20, 20, null]);
  });

  test('of regions adds powers and takes the mean of prices', () => {
    const both = together([timeline({}), timeline({ price_eur_per_kwh: [0.3, null, null], house_kw: [1, null, 1] })]);
    expect(both.price_eur_per_kwh.map((value) => value && Number(value.toFixed(3)))).toEqual([0.2, 0.2, null]);
    expect(both.house_kw).toEqual([3, 2, 3]);
    expect(both.metered_charge_kw).toEqual([6, null, null]);
  });
});

test('only lines in view are in the page, wherever a list was scrolled to', () => {
  fc.assert(
    fc.property(fc.nat(20_000), fc.nat(1_000_000), (count, topPx) => {
      const { from, until } = shownRange({ count, rowPx: 34, topPx, heightPx: 476 });
      expect(from).toBeGreaterThanOrEqual(0);
      expect(until).toBeLessThanOrEqual(count);
      expect(until - from).toBeLessThanOrEqual(14 + 2 * 6 + 2);
      if (count > 0) expect(until).toBeGreaterThan(from);
    }),
  );
});

const row = (id: string, soc: number): CarRowWire => ({ id, soc_percent: soc }) as CarRowWire;

test('what the stream tells is taken in: changed rows, rows that are gone, a list that begins anew, lines once', () => {
  const state = emptyLiveState();
  takeEvent(state, { name: 'cars', data: { full: true, rows: [row('a', 1), row('b', 2)], removed: [] } });
  takeEvent(state, { name: 'cars', data: { full: false, rows: [row('b', 3)], removed: ['a'] } });
  expect([...(state.cars?.values() ?? [])]).toEqual([row('b', 3)]);
  takeEvent(state, { name: 'cars', data: { full: true, rows: [], removed: [] } });
  expect(state.cars?.size).toBe(0);
  const line = { seq: 7, atMs: 1, kind: 'plan', subject: 's', message: 'm' } as const;
  takeEvent(state, { name: 'line', data: line });
  takeEvent(state, { name: 'line', data: line });
  expect(state.lines).toHaveLength(1);
});

const at = (id: string, feeder: string, soc = 1) => ({ ...row(id, soc), feeder });

test('cars stand in order of place, whenever they come or move; a change elsewhere leaves the list as it is', () => {
  const state = emptyLiveState();
  const ids = (): string[] => [...(state.cars?.keys() ?? [])];
  const take = (full: boolean, rows: CarRowWire[], removed: string[] = []): void =>
    takeEvent(state, { name: 'cars', data: { full, rows, removed } });
  take(true, [at('c', 'f2'), at('b', 'f1'), at('a', 'f1')]);
  expect(ids()).toEqual(['a', 'b', 'c']);
  const before = state.cars;
  take(false, [at('b', 'f1', 9)], ['c']);
  expect(ids()).toEqual(['a', 'b']);
  expect(state.cars).toBe(before);
  take(false, [at('d', 'f0'), at('a', 'f3')]);
  expect(ids()).toEqual(['d', 'b', 'a']);
});

const slot = (at: number, plannedChargeKw: number | null) =>
  ({ startMs: at * 10, endMs: at * 10 + 10, plannedChargeKw }) as Parameters<typeof stretches>[0]['intervals'][number];

test('a night in words: neighbouring slots are one stretch, past ones are left out', () => {
  const intervals = [slot(0, 5), slot(1, 5), slot(2, 5), slot(3, 0), slot(4, 0.01), slot(5, 2), slot(6, null)];
  expect(stretches({ intervals }, 12, ({ plannedChargeKw }) => plannedChargeKw)).toEqual([
    { startMs: 10, endMs: 30 },
    { startMs: 50, endMs: 60 },
  ]);
});
