/**
 * PostgreSQL takes neither U+0000 in a text nor half of a surrogate pair in a JSON value, and refuses the whole
 * transaction that holds one.
 */
export function isStorableText(text: string): boolean {
  return !text.includes('\0') && !HALF_PAIR.test(text);
}

/** The text with what cannot be stored shown as the replacement character. */
export function storableText(text: string): string {
  return text.replaceAll('\0', REPLACEMENT).replaceAll(HALF_PAIRS, REPLACEMENT);
}

const REPLACEMENT = '\ufffd';
const HALF_PAIR = /\p{Surrogate}/u;
const HALF_PAIRS = /\p{Surrogate}/gu;
