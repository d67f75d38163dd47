import { isInteger, parse, stringify } from 'lossless-json';

/** The parsed text, or undefined when it is not JSON: for schemas that say themselves what is wrong. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Only a number of so many digits can be beyond 2^53. */
const LONG_NUMBER = /\d{16}/;

/**
 * As `parseJson`, with whole numbers beyond 2^53 as bigint: JSON.parse would round them, and ids and hashes that go
 * through a model as INT64 would come out as others.
 */
export function parseExactJson(text: string): unknown {
  const value = parseJson(text);
  if (value === undefined || !LONG_NUMBER.test(text)) return value;
  // As JSON.parse does: the last one of a name counts.
  return parse(text, null, { parseNumber: exactNumber, onDuplicateKey: ({ newValue }) => newValue });
}

function exactNumber(digits: string): number | bigint {
  const number = Number(digits);
  return isInteger(digits) && !Number.isSafeInteger(number) ? BigInt(digits) : number;
}

/** As JSON.stringify, with bigints as the whole numbers that they are. */
export function stringifyExactJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    // What it says of a bigint, and of a circle, which `stringify` then refuses too.
    if (!(error instanceof TypeError)) throw error;
    return stringify(value) ?? '';
  }
}
