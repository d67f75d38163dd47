import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  amountSchema,
  centsOf,
  decimalOf,
  microsOf,
  millionths,
  priced,
  scaled,
  sumMicros,
} from '../../domain/money.ts';

const micros = fc.integer({ min: -1e15 + 1, max: 1e15 - 1 });

test('an amount is read back from its decimals', () => {
  fc.assert(
    fc.property(micros, (amount) => {
      expect(microsOf(decimalOf(amount))).toBe(amount);
    }),
  );
  expect(['12.5', '0.000001', '-3', '999999999'].map(microsOf)).toEqual([12_500_000, 1, -3_000_000, 999_999_999e6]);
  expect([12_500_000, 1, -3_000_000, 0].map(decimalOf)).toEqual(['12.50', '0.000001', '-3.00', '0.00']);
});

test.each(['1.1234567', '1e3', '1234567890', '', '1,5', 'NaN'])('%s is no amount', (text) => {
  expect(() => microsOf(text)).toThrow(RangeError);
  expect(amountSchema.safeParse(text).success).toBe(false);
});

test('a price is rounded once, half away from zero, at any size', () => {
  expect(priced(millionths(0.5), 1)).toBe(1);
  expect(priced(millionths(-0.5), 1)).toBe(-1);
  expect(priced(millionths(0.499999), 1)).toBe(0);
  expect(priced(millionths(1_000_000), 450_000)).toBe(450_000_000_000);
  expect([15_000, -15_000, 14_999].map(centsOf)).toEqual([2, -2, 1]);
  expect(scaled(1_000_000, 1.25)).toBe(1_250_000);
});

test('what cannot be counted exactly is refused, not rounded', () => {
  expect(() => sumMicros([Number.MAX_SAFE_INTEGER, 1])).toThrow(RangeError);
  expect(() => priced(Number.MAX_SAFE_INTEGER, 10_000_000)).toThrow(RangeError);
  expect(() => millionths(Number.NaN)).toThrow(RangeError);
});
