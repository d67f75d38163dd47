import { z } from 'zod';

/**
 * Money is whole micro-units of its currency (1 EUR = 1,000,000): sums of them are exact, and what is rounded is rounded
 * once, where a quantity meets a price. Nine digits before the point fit into a safe integer.
 */
const MICROS_PER_UNIT = 1_000_000;
export const MICROS_PER_CENT = 10_000;

/** ISO 4217. */
export const currencySchema = z.string().regex(/^[A-Z]{3}$/, 'must be a currency code of ISO 4217, e.g. EUR');

const DECIMAL = /^(-?)(\d{1,9})(?:\.(\d{1,6}))?$/;

/** A price or an amount as people write it, as micro-units. YAML and JSON have it as a number, which is taken too. */
export const amountSchema = z
  .union([z.string(), z.number()])
  .refine((value) => DECIMAL.test(String(value)), 'must be a decimal number with up to 6 places, e.g. 0.45')
  .transform((value) => microsOf(String(value)));
/** As `amountSchema`, 0 or more. */
export const priceSchema = amountSchema.refine((micros) => micros >= 0, 'must be 0 or more');

/** @throws RangeError when it is not a decimal number with up to 9 digits and 6 places */
export function microsOf(decimal: string): number {
  const [, sign, whole = '', places = ''] = DECIMAL.exec(decimal) ?? [];
  if (sign === undefined) throw new RangeError(`${decimal} is no amount of money`);
  const micros = Number(whole) * MICROS_PER_UNIT + Number(places.padEnd(6, '0'));
  return sign === '-' && micros !== 0 ? -micros : micros;
}

/** The amount exactly, with as many places as it has, at least two: "12.50", "0.004500". */
export function decimalOf(micros: number): string {
  const digits = String(Math.abs(micros)).padStart(7, '0');
  const whole = digits.slice(0, -6);
  const places = digits.slice(-6);
  return `${micros < 0 ? '-' : ''}${whole}.${places.endsWith('0000') ? places.slice(0, 2) : places}`;
}

/** Rounded to cents, half away from zero, as invoices and payouts have it: what is left stays on the account. */
export function centsOf(micros: number): number {
  return divided(BigInt(micros), 10_000n);
}

/** As a number of units for JSON: exact to the micro-unit up to nine digits. */
export function unitsOf(micros: number): number {
  return Number(decimalOf(micros));
}

/** A measured quantity in millionths of its unit: the last place in which it is kept and paid. */
export function millionths(quantity: number): number {
  if (!Number.isFinite(quantity)) throw new RangeError(`${quantity} is no quantity`);
  return Math.round(quantity * 1e6);
}

/**
 * What a quantity costs, rounded half away from zero.
 * @param quantityMillionths as `millionths` gives it
 * @param priceMicros of one unit
 */
export function priced(quantityMillionths: number, priceMicros: number): number {
  return divided(BigInt(quantityMillionths) * BigInt(priceMicros), 1_000_000n);
}

/** The part of an amount that a factor of up to 6 places makes, rounded half away from zero. */
export function scaled(micros: number, factor: number): number {
  return priced(millionths(factor), micros);
}

/** Sums exactly. @throws RangeError past nine digits before the point */
export function sumMicros(amounts: readonly number[]): number {
  return whole(amounts.reduce((sum, amount) => sum + BigInt(amount), 0n));
}

function divided(dividend: bigint, divisor: bigint): number {
  const half = dividend < 0n ? -divisor / 2n : divisor / 2n;
  return whole((dividend + half) / divisor);
}

function whole(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`${value} micro-units are more than can be counted exactly`);
  return number;
}
