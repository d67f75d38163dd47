import { parseJson } from '../json.ts';

/**
 * How far apart two answers are: 0 when they say the same, Infinity when a text or the structure differs, else the widest
 * distance of a number. In a list of numbers that is relative to the largest of the list, since a vector's small elements
 * are noise of its large ones; alone, relative to the number, or to 1 where it is smaller.
 * @param b the trusted one
 */
export function answerDistance(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return distance(a, b, Math.max(1, Math.abs(b)));
  if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length !== b.length) return Number.POSITIVE_INFINITY;
    if (areNumbers(a) && areNumbers(b)) {
      const scale = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      return widest(b.map((value, index) => distance(a[index] ?? Number.NaN, value, scale)));
    }
    return widest(b.map((value, index) => answerDistance(a[index], value)));
  }
  if (isObject(a) && isObject(b)) {
    const names = Object.keys(b);
    if (names.length !== Object.keys(a).length) return Number.POSITIVE_INFINITY;
    return widest(names.map((name) => fieldDistance(name, a[name], b[name])));
  }
  return a === b ? 0 : Number.POSITIVE_INFINITY;
}

/** As `answerDistance`, of two lines of an output file. What cannot be read is as far from everything as can be. */
export function lineDistance(a: string, b: string): number {
  if (a === b) return 0;
  const [left, right] = [parseJson(a), parseJson(b)];
  return left === undefined ? Number.POSITIVE_INFINITY : answerDistance(left, right);
}

/** Vectors may come as base64 of 32-bit floats in place of a list. */
function fieldDistance(name: string, a: unknown, b: unknown): number {
  const isVector = VECTORS.includes(name) && typeof a === 'string' && typeof b === 'string';
  return isVector ? answerDistance(floatsOf(a), floatsOf(b)) : answerDistance(a, b);
}

const VECTORS: readonly string[] = ['embedding', 'update'];

function floatsOf(base64: string): number[] {
  const bytes = Buffer.from(base64, 'base64');
  return Array.from({ length: bytes.byteLength >> 2 }, (_, index) => bytes.readFloatLE(4 * index));
}

/** Of two lists, as `answerDistance`, without making lists of millions of numbers anew. */
export function updateDistance(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  const scale = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return b.reduce((most, value, index) => Math.max(most, distance(a[index] ?? Number.NaN, value, scale)), 0);
}

/** NaN is near nothing, and infinitely far from itself. */
function distance(a: number, b: number, scale: number): number {
  if (a === b) return 0;
  const apart = Math.abs(a - b) / scale;
  return Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart;
}

function widest(distances: readonly number[]): number {
  return distances.reduce((most, each) => Math.max(most, each), 0);
}

function areNumbers(values: readonly unknown[]): values is readonly number[] {
  return values.length > 0 && values.every((value) => typeof value === 'number');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
