import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  acceptanceKw,
  charge,
  chargeKw,
  coldFactor,
  hoursToCharge,
  isTooCold,
  plugKwhBetween,
  type BatteryPack,
} from '../../../scheduler/energy/battery.ts';

const MODEL_3: BatteryPack = { capacityKwh: 57.5, maxKw: 11, minKw: 4.14, efficiency: 0.9 };

const packs = fc
  .record({
    capacityKwh: fc.double({ min: 20, max: 120, noNaN: true }),
    maxKw: fc.double({ min: 2, max: 22, noNaN: true }),
    efficiency: fc.double({ min: 0.7, max: 1, noNaN: true }),
  })
  .map((pack): BatteryPack => ({ ...pack, minKw: 1.38 }));
const socs = fc.double({ min: 0, max: 100, noNaN: true });
const offers = fc.double({ min: 0, max: 25, noNaN: true });
const durations = fc.double({ min: 0, max: 12, noNaN: true });
const ambients = fc.double({ min: -25, max: 45, noNaN: true });

describe('charge', () => {
  test('full power to 80 %, half of it at 90 %, the floor at 100 %', () => {
    expect(acceptanceKw(MODEL_3, 50, 20)).toBe(11);
    expect(acceptanceKw(MODEL_3, 80, 20)).toBe(11);
    expect(acceptanceKw(MODEL_3, 90, 20)).toBeCloseTo(5.5);
    expect(acceptanceKw(MODEL_3, 99.9, 20)).toBeCloseTo(0.55);
    expect(acceptanceKw(MODEL_3, 100, 20)).toBe(0);
  });

  test('an offer below the minimum current gives nothing, the end of the taper may draw less than the minimum', () => {
    expect(chargeKw(MODEL_3, 50, 4.1, 20)).toBe(0);
    expect(chargeKw(MODEL_3, 50, 4.14, 20)).toBe(4.14);
    expect(chargeKw(MODEL_3, 98, 11, 20)).toBeCloseTo(1.1);
  });

  test('the cold takes 15 % of the power at -10 C and none at 5 C', () => {
    expect([5, -2.5, -10, -20].map(coldFactor)).toEqual([1, 0.925, 0.85, 0.85]);
  });

  test('energy is conserved: what is in the pack came through the plug', () => {
    fc.assert(
      fc.property(packs, socs, offers, durations, ambients, (pack, soc, offeredKw, hours, ambientC) => {
        const result = charge(pack, soc, offeredKw, hours, ambientC);
        const storedKwh = ((result.socPercent - soc) / 100) * pack.capacityKwh;
        expect(result.plugKwh * pack.efficiency).toBeCloseTo(storedKwh, 9);
        expect(result.socPercent).toBeGreaterThanOrEqual(soc);
        expect(result.socPercent).toBeLessThanOrEqual(100);
        expect(result.plugKwh).toBeLessThanOrEqual(Math.min(offeredKw, pack.maxKw) * hours + 1e-9);
      }),
    );
  });

  test('two steps give what one step gives', () => {
    fc.assert(
      fc.property(packs, socs, offers, durations, durations, ambients, (pack, soc, offeredKw, first, second, c) => {
        const once = charge(pack, soc, offeredKw, first + second, c);
        const half = charge(pack, soc, offeredKw, first, c);
        const twice = charge(pack, half.socPercent, offeredKw, second, c);
        expect(twice.socPercent).toBeCloseTo(once.socPercent, 6);
      }),
    );
  });

  test('charging for the time that a target needs reaches the target', () => {
    fc.assert(
      fc.property(
        packs,
        socs,
        socs,
        fc.double({ min: 1.38, max: 25, noNaN: true }),
        ambients,
        (pack, from, to, kw, c) => {
          fc.pre(from < to);
          const hours = hoursToCharge(pack, from, to, kw, c);
          expect(Number.isFinite(hours)).toBe(true);
          expect(charge(pack, from, kw, hours, c).socPercent).toBeCloseTo(to, 6);
        },
      ),
    );
  });

  test('a step ends with the power that the acceptance allows there', () => {
    fc.assert(
      fc.property(packs, fc.double({ min: 0, max: 99, noNaN: true }), offers, ambients, (pack, soc, offeredKw, c) => {
        const stepHours = 1e-4;
        const kw = charge(pack, soc, offeredKw, stepHours, c).plugKwh / stepHours;
        expect(kw).toBeCloseTo(chargeKw(pack, soc, offeredKw, c), 1);
      }),
    );
  });

  test('an offer below the minimum never reaches a target', () => {
    expect(hoursToCharge(MODEL_3, 50, 80, 4, 20)).toBe(Infinity);
    expect(hoursToCharge(MODEL_3, 80, 50, 0, 20)).toBe(0);
  });
});

test('Model 3 from 50 to 80 % takes 19.2 kWh at the plug', () => {
  expect(plugKwhBetween(MODEL_3, 50, 80)).toBeCloseTo(19.17, 2);
});

describe('a pack that must not be charged below 0 °C', () => {
  const cold: BatteryPack = { ...MODEL_3, chargeFromCelsius: 0 };

  test('takes nothing below the limit and charges as others do at it', () => {
    expect([-0.1, 0, 5].map((ambientC) => isTooCold(cold, ambientC))).toEqual([true, false, false]);
    expect(chargeKw(cold, 50, 11, -0.1)).toBe(0);
    expect(charge(cold, 50, 11, 1, -0.1)).toEqual({ socPercent: 50, plugKwh: 0 });
    expect(hoursToCharge(cold, 50, 80, 11, -0.1)).toBe(Infinity);
    expect(charge(cold, 50, 11, 1, 0)).toEqual(charge(MODEL_3, 50, 11, 1, 0));
  });

  test('never charges below its limit, whatever is offered', () => {
    fc.assert(
      fc.property(packs, socs, offers, durations, ambients, ambients, (pack, soc, kw, hours, limit, ambientC) => {
        const charged = charge({ ...pack, chargeFromCelsius: limit }, soc, kw, hours, ambientC);
        expect(charged).toEqual(
          ambientC < limit ? { socPercent: soc, plugKwh: 0 } : charge(pack, soc, kw, hours, ambientC),
        );
      }),
    );
  });
});
