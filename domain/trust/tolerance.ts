import { z } from 'zod';

/**
 * How far answers of honest computers were seen apart: by the probe of a model that is admitted, on several settings of
 * the runtime, and by cars that the operator trusts, on their classes of hardware.
 */
export const measuredNoiseSchema = z.object({
  /** Of numbers, relative to the largest of their list. */
  numbers: z.number().min(0),
  /** Of a language model's logits, natural logarithms; 0 where none are known. */
  logits: z.number().min(0),
});
export type MeasuredNoise = z.infer<typeof measuredNoiseSchema>;

/** How far a car's answers may be from a trusted computer's. */
export interface Tolerance {
  /** Of numbers, relative to the largest of their list. */
  readonly numbers: number;
  /** Of the logits that a text's tokens were drawn from. */
  readonly logits: number;
}

/** Computers that nobody has measured are farther apart than those that somebody has. */
const MARGIN = 4;
/** Sums in another order, by other instructions: what two honest computers may differ by that were never compared. */
const LEAST: Tolerance = { numbers: 1e-3, logits: 0.02 };
/** Wider, and a cheaper model would pass. */
export const WIDEST: Tolerance = { numbers: 0.25, logits: 0.5 };

/** Where nothing was measured, as of models that were admitted before this was. */
export const UNMEASURED: Tolerance = { numbers: 0.01, logits: 0.1 };

/** @param measured by the probe and by trusted cars; the widest counts */
export function toleranceOf(measured: readonly MeasuredNoise[]): Tolerance {
  if (measured.length === 0) return UNMEASURED;
  const within = (of: keyof Tolerance): number => {
    const widest = Math.max(...measured.map((noise) => noise[of]));
    return Math.min(WIDEST[of], Math.max(LEAST[of], MARGIN * widest));
  };
  return { numbers: within('numbers'), logits: within('logits') };
}

export function wider(a: MeasuredNoise, b: MeasuredNoise): MeasuredNoise {
  return { numbers: Math.max(a.numbers, b.numbers), logits: Math.max(a.logits, b.logits) };
}
