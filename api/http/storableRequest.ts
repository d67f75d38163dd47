import { NightshiftError } from '../../domain/errors.ts';
import { OPENAI_ENDPOINTS } from '../../domain/models.ts';
import { unstorableIn } from '../../domain/storableText.ts';

/** What a model reads is not stored in the database, and may be what a model wrote. */
const READ_BY_MODELS = { input: null, messages: null, prompt: null, query: null, documents: null };

/** @throws NightshiftError `invalid_request` that names the first field whose text cannot be stored */
export function checkStorable(target: string, path: string, value: unknown): void {
  const isRead = target === 'json' && OPENAI_ENDPOINTS.some((endpoint) => endpoint === path);
  const field = unstorableIn(isRead ? { ...Object(value), ...READ_BY_MODELS } : value);
  if (field === undefined) return;
  throw new NightshiftError('invalid_request', `${field || 'The body'}: ${UNSTORABLE}`, field ? { field } : {});
}

export const UNSTORABLE = 'a text with U+0000 or half of a surrogate pair cannot be stored; leave that character out.';
