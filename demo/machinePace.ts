import { scrypt } from 'node:crypto';
import { promisify } from 'node:util';

const KEYS = 16;
/** Keys a second of two quiet cores of 2024, on which the whole stack takes the night at its full pace with ease. */
const KEYS_PER_SECOND = 49;
/** Of those, what full pace asks for: the stack needs two thirds, and others may begin to work beside it. */
const NEEDED_SHARE = 0.9;

/**
 * Grid seconds a real second that this machine bears, as it is now. A night that is too fast for it loses requests: what
 * is paced as minutes of a car's work then takes longer on the machine than on the car.
 * @param scale at the most, and `slowest` at the least
 */
export async function bearableScale({ scale, slowest }: { readonly scale: number; readonly slowest: number }) {
  return scaleFor(await keysPerSecond(), { scale, slowest });
}

/** @param keys that the machine derives a second, on all its cores, beside what else it does */
export function scaleFor(keys: number, { scale, slowest }: { readonly scale: number; readonly slowest: number }) {
  const share = keys / (KEYS_PER_SECOND * NEEDED_SHARE);
  return Math.round(Math.min(scale, Math.max(slowest, scale * share)));
}

/** A derived key is slow by design, in little memory, and Node derives several beside each other. */
async function keysPerSecond(): Promise<number> {
  const deriveKey = promisify<string, string, number, Buffer>(scrypt);
  const startMs = performance.now();
  await Promise.all(Array.from({ length: KEYS }, (_, index) => deriveKey('nightshift', `${index}`, 32)));
  return KEYS / ((performance.now() - startMs) / 1_000);
}
