import { MINUTE_MS } from '../../../domain/durations.ts';
import { describe, expect, test } from 'vitest';
import {
  distrustReasons,
  NEW_TRACK,
  trackDraw,
  trackMeter,
  trackPower,
  trackSoc,
} from '../../../api/ingress/plausibility.ts';

const PACK = { batteryKwh: 50, charger: { maxKw: 11, minKw: 1.38, efficiency: 0.9 } };

/** Every five minutes a SoC and a meter reading, `rise` % and `kwh` further each. */
function stay(rise: number, kwh: number, steps: number) {
  let track = NEW_TRACK;
  for (let step = 0; step <= steps; step += 1) {
    const atMs = step * 5 * MINUTE_MS;
    track = trackSoc(track, PACK, 40 + step * rise, atMs);
    track = trackMeter(track, PACK, { atMs, chargingKwh: 100 + step * kwh, computeKwh: 0 });
  }
  return distrustReasons(track);
}

describe('energy that contradicts itself', () => {
  // 7.2 kW for 5 minutes: 0.6 kWh at the plug, 1.08 % of the pack.
  test.each([
    ['an honest charge', 1.08, 0.6, 36, false],
    ['an honest car that waits', 0, 0, 36, false],
    ['a SoC that rises without the meter', 1.08, 0, 36, true],
    ['a meter that runs without the SoC', 0, 0.6, 36, true],
    ['a meter that counts double', 1, 1.2, 36, true],
    ['a SoC that falls bit by bit while the meter runs', -0.5, 0.6, 36, true],
    ['a SoC that falls while nothing is charged', -0.5, 0, 36, false],
    ['a SoC that rises faster than any charger', 8, 0.9, 3, true],
  ])('%s', (_, rise, kwh, steps, isDoubted) => {
    expect(stay(rise, kwh, steps).map(({ code }) => code)).toEqual(isDoubted ? ['telemetry_not_trusted'] : []);
  });

  test('power above what charger and computer can take, with value and limit', () => {
    expect(distrustReasons(trackPower(NEW_TRACK, PACK, 13, 3))).toEqual([]);
    expect(distrustReasons(trackPower(NEW_TRACK, PACK, 22, 3))).toMatchObject([{ value: 22, limit: 17.5 }]);
  });

  test('a SoC that falls, as by preconditioning, begins anew and blames nobody', () => {
    let track = trackSoc(NEW_TRACK, PACK, 60, 0);
    track = trackMeter(track, PACK, { atMs: 0, chargingKwh: 10, computeKwh: 0 });
    track = trackSoc(track, PACK, 55, 10 * MINUTE_MS);
    track = trackSoc(track, PACK, 56, 15 * MINUTE_MS);
    expect(
      distrustReasons(trackMeter(track, PACK, { atMs: 15 * MINUTE_MS, chargingKwh: 10.6, computeKwh: 0 })),
    ).toEqual([]);
  });

  test('SoCs that were held back while nobody listened, and arrive at once, blame nobody', () => {
    let track = trackMeter(NEW_TRACK, PACK, { atMs: 0, chargingKwh: 10, computeKwh: 0 });
    // Half an hour of charging, heard in a second.
    for (const [second, percent] of [55, 58, 61, 64].entries()) track = trackSoc(track, PACK, percent, second * 250);
    track = trackMeter(track, PACK, { atMs: 1_000, chargingKwh: 14.5, computeKwh: 0 });
    track = trackSoc(track, PACK, 65, 5 * MINUTE_MS);
    expect(distrustReasons(trackMeter(track, PACK, { atMs: 5 * MINUTE_MS, chargingKwh: 15, computeKwh: 0 }))).toEqual(
      [],
    );
  });

  test.each([
    ['half an hour late all the time', 0.6, 30, false],
    ['late, while the meter counts double', 1.2, 30, true],
  ])('a SoC that comes %s', (_, kwh, lateMinutes, isDoubted) => {
    let track = NEW_TRACK;
    for (let minute = 0; minute <= 180; minute += 5) {
      const measured = Math.max(0, minute - lateMinutes) / 5;
      track = trackSoc(track, PACK, 40 + measured * 1.08, minute * MINUTE_MS);
      const chargingKwh = 100 + (minute / 5) * kwh;
      track = trackMeter(track, PACK, { atMs: minute * MINUTE_MS, chargingKwh, computeKwh: 0 });
      expect(track.meters.length).toBeLessThan(15);
    }
    expect(distrustReasons(track).map(({ code }) => code)).toEqual(isDoubted ? ['telemetry_not_trusted'] : []);
  });

  test('what a car drew while nobody listened is not guessed from what it said before', () => {
    let track = trackMeter(trackDraw(NEW_TRACK, 11, 0), PACK, { atMs: 0, chargingKwh: 100, computeKwh: 0 });
    track = trackDraw(track, 0, 120 * MINUTE_MS);
    expect(distrustReasons(track)).toEqual([]);
  });

  test.each([
    ['as the meter counts', 7, 7, 0, false],
    ['stuck at charging while the meter stands', 7, 0, 0, true],
    ['less than the meter counts, since a signal was lost', 0, 7, 0, false],
    ['as a meter that came in late says', 7, 7, 25, false],
  ])('what a car says that it draws: %s', (_, saysKw, metersKw, lateMinutes, isDoubted) => {
    let track = trackMeter(trackDraw(NEW_TRACK, 0, 0), PACK, { atMs: 0, chargingKwh: 100, computeKwh: 5 });
    for (let minute = 0; minute <= 240; minute += 5) {
      track = trackDraw(track, saysKw, minute * MINUTE_MS);
      if (minute < lateMinutes) continue;
      const computeKwh = 5 + (metersKw * minute) / 60;
      track = trackMeter(track, PACK, { atMs: minute * MINUTE_MS, chargingKwh: 100, computeKwh });
    }
    expect(distrustReasons(track).map(({ code }) => code)).toEqual(isDoubted ? ['telemetry_not_trusted'] : []);
  });

  test('readings that are far apart in time are not held against each other', () => {
    let track = trackSoc(NEW_TRACK, PACK, 40, 0);
    track = trackMeter(track, PACK, { atMs: 0, chargingKwh: 0, computeKwh: 0 });
    expect(distrustReasons(trackMeter(track, PACK, { atMs: 120 * MINUTE_MS, chargingKwh: 20, computeKwh: 0 }))).toEqual(
      [],
    );
  });
});
