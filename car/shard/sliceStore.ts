import { z } from 'zod';
import { MINUTE_MS } from '../../domain/durations.ts';
import { isErrorCode, NightshiftError, type ErrorCodeName } from '../../domain/errors.ts';
import { parseJson } from '../../domain/json.ts';
import type { SliceAccess } from '../../domain/shards.ts';
import type { PartStore } from './ports.ts';

const ANSWER_TIMEOUT_REAL_MS = MINUTE_MS;

const errorSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) });
const keysSchema = z.object({ keys: z.array(z.string()) });

/**
 * One shard's objects over HTTP, by a token that covers just them and expires: the car holds no credentials of the
 * store. Calls throw what the API says, or NightshiftError `unavailable` while it is out of reach.
 */
export function openSliceStore({ url, token }: SliceAccess): PartStore {
  const request = async (method: string, path: string, body?: Uint8Array | string): Promise<Response> => {
    // For the headers only: a large model may take long on a slow link.
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(new Error('no answer in time')), ANSWER_TIMEOUT_REAL_MS);
    try {
      const answer = await fetch(`${url.replace(/\/$/, '')}/cars/v1/${path}`, {
        method,
        headers: { authorization: `Bearer ${token}` },
        redirect: 'error',
        signal: silence.signal,
        ...(body !== undefined && { body: typeof body === 'string' ? body : Buffer.from(body) }),
      });
      if (answer.ok) return answer;
      throw errorOf(answer.status, await answer.text());
    } catch (cause) {
      if (cause instanceof NightshiftError) throw cause;
      throw new NightshiftError('unavailable', `${url} does not answer.`, { cause });
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    get: async (key) =>
      Buffer.from(await (await request('GET', `object?key=${encodeURIComponent(key)}`)).arrayBuffer()),
    getStream: async (key, fromByte = 0) =>
      (await request('GET', `object?key=${encodeURIComponent(key)}&from_byte=${fromByte}`)).body ?? nothing(),
    put: async (key, body) => {
      await (await request('PUT', `object?key=${encodeURIComponent(key)}`, body)).body?.cancel();
    },
    list: async (prefix) => {
      const answer = await request('GET', `objects?prefix=${encodeURIComponent(prefix)}`);
      return keysSchema.parse(await answer.json()).keys;
    },
  };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

function errorOf(status: number, text: string): NightshiftError {
  const parsed = errorSchema.safeParse(parseJson(text));
  const code = parsed.data?.error.code ?? '';
  const message = parsed.data?.error.message ?? `The API answered ${status}.`;
  return new NightshiftError(isErrorCode(code) ? code : codeOf(status), message);
}

/** Of answers that are not the API's own: a proxy in between has limits too, and asking again does not change them. */
function codeOf(status: number): ErrorCodeName {
  const isPassing = status < 400 || status >= 500 || PASSING_STATUSES.includes(status);
  if (isPassing) return 'unavailable';
  return FINAL_CODES[status] ?? 'invalid_request';
}

const PASSING_STATUSES: readonly number[] = [408, 425, 429];
const FINAL_CODES: Readonly<Record<number, ErrorCodeName>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  413: 'payload_too_large',
};
