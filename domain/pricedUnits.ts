import type { Pipeline } from './models.ts';
import { pricedUnitOf } from './priceBook.ts';
import { workUnitsOf } from './workUnits.ts';

/**
 * What a request will be counted as when it is answered: tokens at most, as `workUnitsOf` estimates them; inputs, pages
 * and requests as they are.
 */
export function pricedUnitsOf(kind: Pipeline['kind'] | undefined, body: Readonly<Record<string, unknown>>): number {
  const unit = pricedUnitOf(kind);
  switch (unit) {
    case 'tokens':
      return workUnitsOf(kind, body);
    case 'embedding_inputs':
      return inputsOf(body['input']);
    case 'pages':
    case 'requests':
      return 1;
    default:
      return unit satisfies never;
  }
}

/** A list of numbers is the token ids of one input. */
function inputsOf(input: unknown): number {
  if (!Array.isArray(input)) return 1;
  return input.every((item) => typeof item === 'number') ? 1 : input.length;
}
