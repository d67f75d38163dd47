import { z } from 'zod';

interface Bounds {
  readonly min?: number;
  readonly max?: number;
}

/**
 * Schema of a list of finite numbers within bounds. One check of the whole list, which is handed on as it is: zod's own
 * arrays visit and copy element by element, and a million cars have a hundred million of them. What is wrong is named
 * with its place, `survival[12]`.
 */
export function numberSeries(bounds: Bounds = {}) {
  return z.custom<number[]>().superRefine((values: unknown, context) => {
    refuse(values, false, bounds, context);
  });
}

/** As `numberSeries`, with null for what is not known. */
export function numberOrNullSeries(bounds: Bounds = {}) {
  return z.custom<(number | null)[]>().superRefine((values: unknown, context) => {
    refuse(values, true, bounds, context);
  });
}

function refuse(values: unknown, mayBeNull: boolean, { min, max }: Bounds, context: z.RefinementCtx): void {
  if (!Array.isArray(values)) {
    context.addIssue({ code: 'custom', message: 'must be a list of numbers' });
    return;
  }
  const list: readonly unknown[] = values;
  const least = min ?? -Infinity;
  const most = max ?? Infinity;
  const wrong = list.findIndex((value) => {
    if (mayBeNull && value === null) return false;
    return typeof value !== 'number' || !Number.isFinite(value) || value < least || value > most;
  });
  if (wrong < 0) return;
  const within = min === undefined ? '' : max === undefined ? ` of at least ${min}` : ` from ${min} to ${max}`;
  const or = mayBeNull ? ' or null' : '';
  context.addIssue({ code: 'custom', path: [wrong], message: `must be a number${within}${or}` });
}
