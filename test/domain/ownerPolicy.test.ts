import { describe, expect, test } from 'vitest';
import { ownerAllowsCompute, policyReasons } from '../../domain/ownerPolicy.ts';
import { nextReadyBy } from '../../domain/readyBy.ts';
import type { OwnerPolicy } from '../../domain/vehicles.ts';

const utc = (iso: string): number => Date.parse(iso);
const POLICY: OwnerPolicy = {
  readyBy: '07:30',
  timeZone: 'Europe/Berlin',
  targetSocPercent: 80,
  minimumSocPercent: 30,
  computeSocFloorPercent: 40,
  computeOptIn: true,
};
const codes = (policy: Partial<OwnerPolicy>, at: string): string[] =>
  policyReasons({ ...POLICY, ...policy }, utc(at)).map(({ code }) => code);

describe('reasons of the policy', () => {
  // A Wednesday; Berlin is an hour ahead of UTC.
  test.each<[string, Partial<OwnerPolicy>, string, string[]]>([
    ['none', {}, '2026-01-14T22:00:00Z', []],
    ['opted out for good', { computeOptIn: false }, '2026-01-14T22:00:00Z', ['owner_opted_out']],
    [
      'opted out tonight',
      { optOutUntilMs: utc('2026-01-15T06:30:00Z') },
      '2026-01-15T06:29:59Z',
      ['owner_opted_out_tonight'],
    ],
    ['tonight is over', { optOutUntilMs: utc('2026-01-15T06:30:00Z') }, '2026-01-15T06:30:00Z', []],
    ['boost', { boostUntilMs: utc('2026-01-15T06:30:00Z') }, '2026-01-14T22:00:00Z', ['owner_boost']],
    ['before hours', { computeHours: [{ from: '23:00', until: '05:00' }] }, '2026-01-14T21:59:00Z', ['owner_hours']],
    ['in hours', { computeHours: [{ from: '23:00', until: '05:00' }] }, '2026-01-14T22:00:00Z', []],
    ['in hours after midnight', { computeHours: [{ from: '23:00', until: '05:00' }] }, '2026-01-15T03:59:00Z', []],
    ['after hours', { computeHours: [{ from: '23:00', until: '05:00' }] }, '2026-01-15T04:00:00Z', ['owner_hours']],
    [
      'a night that began on Wednesday',
      { computeHours: [{ weekdays: [3], from: '23:00', until: '05:00' }] },
      '2026-01-15T03:00:00Z',
      [],
    ],
    [
      'Wednesday morning belongs to Tuesday',
      { computeHours: [{ weekdays: [3], from: '23:00', until: '05:00' }] },
      '2026-01-14T03:00:00Z',
      ['owner_hours'],
    ],
    [
      'all at once: a set',
      { computeOptIn: false, optOutUntilMs: utc('2026-02-01T00:00:00Z'), boostUntilMs: utc('2026-02-01T00:00:00Z') },
      '2026-01-14T22:00:00Z',
      ['owner_opted_out', 'owner_opted_out_tonight', 'owner_boost'],
    ],
  ])('%s', (_, policy, at, expected) => {
    expect(codes(policy, at)).toEqual(expected);
    const holdsCompute = expected.some((code) => code !== 'owner_boost');
    expect(ownerAllowsCompute({ ...POLICY, ...policy }, utc(at))).toBe(!holdsCompute);
  });

  test('tell the instant and the limit in the owner’s time', () => {
    const [reason] = policyReasons({ ...POLICY, optOutUntilMs: utc('2026-01-15T06:30:00Z') }, utc('2026-01-14T22:00Z'));
    expect(reason).toMatchObject({ holder: 'owner_now', value: utc('2026-01-14T22:00Z') });
    expect(reason?.text).toContain('Thu 07:30');
  });
});

test('a ready-by plan holds on its weekdays, with its own target', () => {
  const readyByPlans = [
    { weekdays: [6, 7], time: '10:00', targetSocPercent: 100 },
    { weekdays: [1], time: '05:00' },
  ];
  const next = (after: string): [string, number] => {
    const { atMs, targetSocPercent } = nextReadyBy({ ...POLICY, readyByPlans }, utc(after));
    return [new Date(atMs).toISOString(), targetSocPercent];
  };
  // 2026-01-16 is a Friday.
  expect(next('2026-01-15T20:00:00Z')).toEqual(['2026-01-16T06:30:00.000Z', 80]);
  expect(next('2026-01-16T20:00:00Z')).toEqual(['2026-01-17T09:00:00.000Z', 100]);
  expect(next('2026-01-18T20:00:00Z')).toEqual(['2026-01-19T04:00:00.000Z', 80]);
  // Over the change of the clock on a Sunday morning.
  expect(next('2026-03-28T20:00:00Z')).toEqual(['2026-03-29T08:00:00.000Z', 100]);
});
