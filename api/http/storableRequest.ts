import { NightshiftError } from '../../domain/errors.ts';
import { unstorableIn } from '../../domain/storableText.ts';

/** What a model reads is not stored. */
const EMBEDDINGS = /^\/v1\/embeddings$/;

/** @throws NightshiftError `invalid_request` that names the first field whose text cannot be stored */
export function checkStorable(target: string, path: string, value: unknown): void {
  const field = unstorableIn(target === 'json' && EMBEDDINGS.test(path) ? { ...Object(value), input: null } : value);
  if (field === undefined) return;
  throw new NightshiftError('invalid_request', `${field || 'The body'}: ${UNSTORABLE}`, field ? { field } : {});
}

export const UNSTORABLE = 'a text with U+0000 or half of a surrogate pair cannot be stored; leave that character out.';
