import { parseJson } from '../json.ts';

/**
 * Whether two answers say the same: texts and structure exactly, numbers as far apart as `tolerance` allows. In a list of
 * numbers that is relative to the largest of the list, since a vector's small elements are noise of its large ones; alone,
 * relative to the number, or to 1 where it is smaller.
 */
export function isSameAnswer(a: unknown, b: unknown, tolerance: number): boolean {
  if (typeof a === 'number' && typeof b === 'number') return isNear(a, b, Math.max(1, Math.abs(b)) * tolerance);
  if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length !== b.length) return false;
    if (areNumbers(a) && areNumbers(b)) {
      const scale = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      return b.every((value, index) => isNear(a[index] ?? Number.NaN, value, scale * tolerance));
    }
    return b.every((value, index) => isSameAnswer(a[index], value, tolerance));
  }
  if (isObject(a) && isObject(b)) {
    const names = Object.keys(b);
    if (names.length !== Object.keys(a).length) return false;
    return names.every((name) => isSameField(name, a[name], b[name], tolerance));
  }
  return a === b;
}

/** As `isSameAnswer`, of two lines of an output file. What cannot be read is the same as nothing. */
export function isSameAnswerLine(a: string, b: string, tolerance: number): boolean {
  if (a === b) return true;
  const [left, right] = [parseJson(a), parseJson(b)];
  return left !== undefined && isSameAnswer(left, right, tolerance);
}

/** Vectors may come as base64 of 32-bit floats in place of a list. */
function isSameField(name: string, a: unknown, b: unknown, tolerance: number): boolean {
  const isVector = VECTORS.includes(name) && typeof a === 'string' && typeof b === 'string';
  return isVector ? isSameAnswer(floatsOf(a), floatsOf(b), tolerance) : isSameAnswer(a, b, tolerance);
}

const VECTORS: readonly string[] = ['embedding', 'update'];

function floatsOf(base64: string): number[] {
  const bytes = Buffer.from(base64, 'base64');
  return Array.from({ length: bytes.byteLength >> 2 }, (_, index) => bytes.readFloatLE(4 * index));
}

/** Of two lists, as `isSameAnswer`, without making lists of millions of numbers anew. */
export function isNearUpdate(a: Float32Array, b: Float32Array, tolerance: number): boolean {
  const scale = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return a.length === b.length && b.every((value, index) => isNear(a[index] ?? Number.NaN, value, scale * tolerance));
}

/** NaN is near nothing. */
function isNear(a: number, b: number, distance: number): boolean {
  return Math.abs(a - b) <= distance;
}

function areNumbers(values: readonly unknown[]): values is readonly number[] {
  return values.length > 0 && values.every((value) => typeof value === 'number');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
