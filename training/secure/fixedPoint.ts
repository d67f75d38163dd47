/** What numbers become so that masks can hide them: whole numbers modulo 2^32. */
export interface FixedPoint {
  /** Numbers beyond this are cut off, on either side of 0. */
  readonly range: number;
  /** Whole steps of a 1. */
  readonly scale: number;
}

/** So that a sum of so many numbers within the range does not wrap around. @throws RangeError for a range or count that is none */
export function fixedPointFor(range: number, count: number): FixedPoint {
  if (!(range > 0) || !(count >= 1))
    throw new RangeError(`There is no fixed point for ${count} numbers within ${range}.`);
  return { range, scale: (2 ** 31 - count) / (count * range) };
}

export function toFixedPoint(numbers: Float32Array, { range, scale }: FixedPoint): Uint32Array {
  return Uint32Array.from(numbers, (number) => Math.round(Math.max(-range, Math.min(range, number)) * scale));
}

/** The sum of numbers as floats. */
export function fromFixedPoint(sum: Uint32Array, { scale }: FixedPoint): Float32Array {
  // As numbers with a sign, since what is more than half way round was below 0.
  return Float32Array.from(new Int32Array(sum.buffer, sum.byteOffset, sum.length), (whole) => whole / scale);
}
