import { randomBytes } from 'node:crypto';

/** One share of a secret: the value at `x` of a polynomial for each byte, over GF(2^8). */
export interface SecretShare {
  /** 1 to 255; 0 would be the secret itself. */
  readonly x: number;
  readonly bytes: Uint8Array;
}

export const MAX_SHARES = 255;

const EXP = new Uint8Array(512);
const LOG = new Uint8Array(256);
// Powers of 3 in AES's field (x^8 + x^4 + x^3 + x + 1), which it generates.
for (let power = 0, value = 1; power < 255; power++) {
  EXP[power] = value;
  EXP[power + 255] = value;
  LOG[value] = power;
  value ^= (value << 1) ^ (value & 0x80 ? 0x11b : 0);
}

function times(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : (EXP[(LOG[a] ?? 0) + (LOG[b] ?? 0)] ?? 0);
}

function over(a: number, b: number): number {
  return a === 0 ? 0 : (EXP[(LOG[a] ?? 0) + 255 - (LOG[b] ?? 0)] ?? 0);
}

/**
 * Splits a secret so that any `threshold` of the shares give it back and fewer say nothing of it (Shamir 1979).
 * @throws RangeError for a threshold below 1, above the count, or a count above 255
 */
export function splitSecret(secret: Uint8Array, count: number, threshold: number): SecretShare[] {
  if (!(threshold >= 1 && threshold <= count && count <= MAX_SHARES)) {
    throw new RangeError(`A secret is split into 1 to ${MAX_SHARES} shares; ${threshold} of ${count} were asked for.`);
  }
  const random = randomBytes(secret.length * (threshold - 1));
  return Array.from({ length: count }, (_, index) => {
    const x = index + 1;
    const bytes = secret.map((first, place) => {
      // From the highest coefficient down (Horner).
      let value = 0;
      for (let degree = threshold - 1; degree >= 1; degree--) {
        value = times(value ^ (random[place * (threshold - 1) + degree - 1] ?? 0), x);
      }
      return value ^ first;
    });
    return { x, bytes };
  });
}

/**
 * The secret, from as many shares as its threshold; from fewer, or from false ones, something else.
 * @throws RangeError without shares, with two of one `x`, or with shares of unequal lengths
 */
export function joinSecret(shares: readonly SecretShare[]): Uint8Array {
  const [first] = shares;
  if (!first) throw new RangeError('There are no shares.');
  if (new Set(shares.map(({ x }) => x)).size < shares.length) throw new RangeError('Two shares have one place.');
  if (shares.some(({ x, bytes }) => x < 1 || x > MAX_SHARES || bytes.length !== first.bytes.length)) {
    throw new RangeError('The shares are not of one secret.');
  }
  // Lagrange's polynomial at 0; in this field, minus is plus.
  const factors = shares.map(({ x }) =>
    shares.reduce((product, { x: other }) => (other === x ? product : times(product, over(other, other ^ x))), 1),
  );
  return first.bytes.map((_, place) =>
    shares.reduce((sum, { bytes }, index) => sum ^ times(bytes[place] ?? 0, factors[index] ?? 0), 0),
  );
}
