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

/**
 * Where in a JSON value a text stands that cannot be stored, as `a.b.0`, or undefined. The key itself counts as its
 * object's. Deep nesting costs no stack.
 */
export function unstorableIn(value: unknown): string | undefined {
  const left: { readonly value: unknown; readonly path: string }[] = [{ value, path: '' }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { value, path } = next;
    if (typeof value === 'string' && !isStorableText(value)) return path;
    if (typeof value !== 'object' || value === null) continue;
    for (const [key, inner] of Object.entries(value)) {
      if (!isStorableText(key)) return path;
      left.push({ value: inner, path: path === '' ? key : `${path}.${key}` });
    }
  }
  return undefined;
}

const REPLACEMENT = '\ufffd';
const HALF_PAIR = /\p{Surrogate}/u;
const HALF_PAIRS = /\p{Surrogate}/gu;
