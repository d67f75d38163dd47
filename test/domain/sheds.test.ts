import { MINUTE_MS } from '../../domain/durations.ts';
import { expect, test } from 'vitest';
import { setpointAt, type SetpointProfile } from '../../domain/setpoints.ts';
import { profileUnderShed, shedOrders } from '../../domain/sheds.ts';

test('cars come back one after the other over five minutes', () => {
  const shed = { issuedAtMs: 0, startMs: 0, endMs: 10 * MINUTE_MS };
  const turns = shedOrders(['a', 'b', 'c', 'd', 'e'], shed).map(
    ({ order }) => (order.resumeAtMs - shed.endMs) / MINUTE_MS,
  );
  expect(turns).toEqual([0, 1, 2, 3, 4]);
});

const PROFILE: SetpointProfile = {
  planId: 'plan',
  issuedAtMs: 5,
  intervals: [
    { startMs: 0, endMs: 100, chargeKw: 1, computeKw: 1 },
    { startMs: 100, endMs: 200, chargeKw: 2, computeKw: 2 },
  ],
};

test.each([
  ['within an interval', 20, 50],
  ['over a boundary', 50, 150],
  ['before and past the profile', -50, 400],
])('a profile under a shed %s draws nothing in it, and what was planned outside it', (_, startMs, resumeAtMs) => {
  const shed = { issuedAtMs: 10, startMs, endMs: startMs + 1, resumeAtMs };
  const under = profileUnderShed(PROFILE, shed);
  expect(under.issuedAtMs).toBe(10);
  for (let atMs = -60; atMs < 450; atMs++) {
    const expected = startMs <= atMs && atMs < resumeAtMs ? { chargeKw: 0, computeKw: 0 } : setpointAt(PROFILE, atMs);
    const { chargeKw, computeKw } = setpointAt(under, atMs) ?? {};
    expect([atMs, chargeKw, computeKw]).toEqual([atMs, expected?.chargeKw, expected?.computeKw]);
  }
});

test('without a profile the shed is one, so that no fail-safe charging begins', () => {
  const under = profileUnderShed(null, { issuedAtMs: 1, startMs: 0, endMs: 10, resumeAtMs: 20 });
  expect(under.intervals).toEqual([{ startMs: 0, endMs: 20, chargeKw: 0, computeKw: 0 }]);
});
