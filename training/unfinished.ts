import { z } from 'zod';

import { parseJson } from '../domain/json.ts';
import { base64FromFloats, floatsFromBase64 } from './floats.ts';
import type { LocalState } from './localSteps.ts';

/** A state of a client's local steps as a car leaves it for the next one. */
const unfinishedSchema = z.object({
  line: z.number().int().min(0),
  step: z.number().int().min(1),
  lossSum: z.number(),
  weights: z.string(),
  moments: z.array(z.string()).max(4),
});

/** @returns undefined for a text that is none */
export function stateOf(text: string): { readonly line: number; readonly state: LocalState } | undefined {
  const { data } = unfinishedSchema.safeParse(parseJson(text));
  if (!data) return undefined;
  const { line, step, lossSum } = data;
  return {
    line,
    state: { step, lossSum, weights: floatsFromBase64(data.weights), moments: data.moments.map(floatsFromBase64) },
  };
}

export function stateText(line: number, { step, lossSum, weights, moments }: LocalState): string {
  return JSON.stringify({
    line,
    step,
    lossSum,
    weights: base64FromFloats(weights),
    moments: moments.map(base64FromFloats),
  });
}
