import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { cli } from './cliRun.ts';

let folder = '';
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-backtest-'));
  const nights = ['02', '03', '04'].map(
    (day, index) => `A;u;s${index};2020-02-${day} 18:05:00;2020-02-0${Number(day) + 1} 08:10:00;8,5`,
  );
  await writeFile(
    at('sessions.csv'),
    ['location;user_id;session_id;plugin_time;plugout_time;energy_session', ...nights, ''].join('\n'),
  );
  const hours = Array.from({ length: 24 * 6 }, (_, hour) => {
    const utc = new Date(Date.UTC(2020, 1, 1, hour)).toISOString().slice(0, 19).replace('T', ' ');
    return `${utc},${30 + 10 * Math.cos((hour / 24) * 2 * Math.PI)},300,5`;
  });
  await writeFile(at('signals.csv'), ['utc,price_eur_per_mwh,carbon_g_per_kwh,temp_c', ...hours, ''].join('\n'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('nightshift backtest', () => {
  test('prints one line a policy and writes every night', async () => {
    const { code, out } = await cli(
      'backtest',
      '--sessions',
      at('sessions.csv'),
      '--signals',
      at('signals.csv'),
      '--nights',
      at('nights.csv'),
    );
    expect(code).toBe(0);
    expect(out).toMatch(/^policy +EUR .*\n/);
    expect(out).toContain('\nclairvoyant ');
    const lines = (await readFile(at('nights.csv'), 'utf8')).trim().split('\n');
    expect(lines[0]).toMatch(/^night,policy,chargeKwh,computeKwh,costEur/);
    expect(lines.filter((line) => line.includes(',planner,')).map((line) => line.slice(0, 10))).toEqual([
      '2020-02-02',
      '2020-02-03',
      '2020-02-04',
    ]);
  });

  test.each([
    [['--time-zone', 'Oslo'], '"Oslo" is not an IANA time zone'],
    [['--shift-days', '364'], 'No session begins from'],
    [['--ready-by', 'never'], 'Allowed choices are habit, departure'],
    [['--from', 'tomorrow'], '--from must be a date such as 2020-03-01'],
  ])('refuses %j in plain words', async (more, words) => {
    const { code, err } = await cli(
      'backtest',
      '--sessions',
      at('sessions.csv'),
      '--signals',
      at('signals.csv'),
      ...more,
    );
    expect(err).toContain(words);
    expect(code).toBe(2);
  });
});
