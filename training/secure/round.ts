import { fixedPointFor, type FixedPoint } from './fixedPoint.ts';
import { leastThreshold } from './party.ts';

/** Deviations of noise that a number keeps before it is cut off: beyond, one in a billion. */
const KEPT_DEVIATIONS = 6;

/** Parties without which a round says nothing: a majority, and as many as the plan asks for. */
export function thresholdOf(parties: number, leastUpdates: number): number {
  return Math.max(leastThreshold(parties), Math.min(parties, leastUpdates));
}

/**
 * Of the noise that each party adds, so that the sum has `noise_multiplier` clip norms however many vanish. Where more
 * stay than the threshold, there is more noise.
 */
export function noiseOfParty(clipNorm: number, noiseMultiplier: number, threshold: number): number {
  return (clipNorm * noiseMultiplier) / Math.sqrt(threshold);
}

/** As server and parties have it: neither must be told by the other. */
export function fixedPointOfRound(clipNorm: number, noise: number, parties: number): FixedPoint {
  return fixedPointFor(clipNorm + KEPT_DEVIATIONS * noise, parties);
}
