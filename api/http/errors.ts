import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { Logger } from 'pino';

import { ERROR_CODES, NightshiftError, type ErrorCodeName } from '../../domain/errors.ts';
import { incomingOf } from './requestBody.ts';

/** The one form of every error that leaves the API; the SDKs of OpenAI read it. */
export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type:
      | 'invalid_request_error'
      | 'authentication_error'
      | 'permission_error'
      | 'rate_limit_error'
      | 'server_error';
    readonly param: string | null;
    readonly code: ErrorCodeName;
  };
}

/** Answers a request that failed, and logs what is our fault. */
export function answerError(thrown: Error, c: Context, logger: Logger): Response {
  const error = toNightshiftError(thrown);
  const requestId = c.get('requestId');
  if (error.httpStatus >= 500) logger.error({ err: thrown, requestId }, 'request failed');
  // A connection whose request was not read to its end cannot carry another one: say so.
  if (incomingOf(c.env)?.complete === false) c.header('connection', 'close');
  if (error.retryAfterSeconds !== undefined) c.header('retry-after', String(error.retryAfterSeconds));
  const message = error.httpStatus >= 500 ? `${error.message} Reference: ${requestId}` : error.message;
  const body: ErrorBody = {
    error: { message, type: typeOf(error), param: error.field ?? null, code: error.code },
  };
  // The Open Inference Protocol has its own form.
  if (/^\/v2(\/|$)/.test(c.req.path)) return c.json({ error: message }, error.httpStatus);
  return c.json(body, error.httpStatus);
}

function toNightshiftError(thrown: Error): NightshiftError {
  if (thrown instanceof NightshiftError) return thrown;
  if (thrown instanceof HTTPException && thrown.status < 500) {
    const code = thrown.status === 413 ? 'payload_too_large' : 'invalid_request';
    return new NightshiftError(code, thrown.message, { cause: thrown });
  }
  // The cause may hold secrets or paths: it goes to the log, never to the caller.
  return new NightshiftError('internal', ERROR_CODES.internal.meaning, { cause: thrown });
}

const ERROR_TYPES: Readonly<Record<number, ErrorBody['error']['type']>> = {
  401: 'authentication_error',
  403: 'permission_error',
  429: 'rate_limit_error',
};

function typeOf(error: NightshiftError): ErrorBody['error']['type'] {
  if (error.httpStatus >= 500) return 'server_error';
  return ERROR_TYPES[error.httpStatus] ?? 'invalid_request_error';
}
