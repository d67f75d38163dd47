import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  computeCapKw,
  computePlugKw,
  coolingKw,
  heatDerating,
  mayStartComputing,
  mustStopComputing,
} from '../../../scheduler/energy/compute.ts';

describe('plug power of compute', () => {
  test.each([
    { ambientC: 10, plugKw: 1.7 },
    { ambientC: 30, plugKw: 1.8 },
    { ambientC: 45, plugKw: 2.05 },
  ])('1 kW of computing at $ambientC C draws $plugKw kW', ({ ambientC, plugKw }) => {
    expect(computePlugKw(1, ambientC)).toBeCloseTo(plugKw, 2);
  });

  test('a computer that draws nothing costs nothing', () => {
    expect(computePlugKw(0, 20)).toBe(0);
  });

  test('cooling grows with heat', () => {
    expect([20, 25, 30, 45].map((ambientC) => coolingKw(1, ambientC))).toEqual([0.25, 1 / 3.5, 1 / 3, 1 / 1.8]);
  });
});

describe('heat', () => {
  test('full speed to 30 C, half at 40 C, none above', () => {
    expect([20, 30, 35, 40, 40.1].map(heatDerating)).toEqual([1, 1, 0.75, 0.5, 0]);
    expect(computeCapKw(0.8, 41)).toBe(0);
  });

  test('starts below 38 C and stops above 40 C', () => {
    expect([37.9, 38].map(mayStartComputing)).toEqual([true, false]);
    expect([40, 40.1].map(mustStopComputing)).toEqual([false, true]);
  });

  test('what may start need not stop', () => {
    fc.assert(
      fc.property(fc.double({ min: -30, max: 60, noNaN: true }), (ambientC) => {
        expect(mayStartComputing(ambientC) && mustStopComputing(ambientC)).toBe(false);
      }),
    );
  });
});
