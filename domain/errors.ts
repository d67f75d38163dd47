/**
 * The registry of every error that leaves the process: its stable code, the HTTP status it maps to, and whether the
 * same call may succeed later. A test holds docs/errors.md against it.
 */
export const ERROR_CODES = {
  invalid_request: {
    httpStatus: 400,
    retryable: false,
    meaning: 'A field of the request is missing or out of its limits.',
  },
  invalid_config: {
    httpStatus: 500,
    retryable: false,
    meaning: 'A configuration key is unknown or out of its limits.',
  },
  unauthorized: { httpStatus: 401, retryable: false, meaning: 'The API key is missing or unknown.' },
  payment_required: {
    httpStatus: 402,
    retryable: false,
    meaning: 'Balance and credit do not reach; the message says what is missing.',
  },
  forbidden: { httpStatus: 403, retryable: false, meaning: 'The API key lacks the scope that this needs.' },
  not_found: { httpStatus: 404, retryable: false, meaning: 'The named thing does not exist.' },
  method_not_allowed: { httpStatus: 405, retryable: false, meaning: 'The route exists, but not for this method.' },
  conflict: { httpStatus: 409, retryable: false, meaning: 'The request does not fit the present state of the thing.' },
  payload_too_large: { httpStatus: 413, retryable: false, meaning: 'The upload is larger than its limit.' },
  model_refused: {
    httpStatus: 422,
    retryable: false,
    meaning: 'The model did not pass admission; the message says why.',
  },
  rate_limited: {
    httpStatus: 429,
    retryable: true,
    meaning: 'Too many requests of this key, or of all callers together; Retry-After says when to come again.',
  },
  quota_exceeded: {
    httpStatus: 429,
    retryable: true,
    meaning: 'The tenant has all that its quota allows; Retry-After says when to look again.',
  },
  inference_failed: { httpStatus: 422, retryable: false, meaning: 'The model failed on this input.' },
  unavailable: {
    httpStatus: 503,
    retryable: true,
    meaning: 'A part that this needs (Temporal, PostgreSQL, MQTT, objects) does not answer now.',
  },
  internal: { httpStatus: 500, retryable: true, meaning: 'A defect of ours; the log has the request id.' },
  port_in_use: { httpStatus: 500, retryable: false, meaning: 'Another program listens on a port that this needs.' },
  state_folder_in_use: {
    httpStatus: 500,
    retryable: false,
    meaning: 'Another local stack runs on this state folder.',
  },
  temporal_not_provisioned: {
    httpStatus: 500,
    retryable: false,
    meaning: 'No way to obtain a Temporal server worked.',
  },
  object_not_found: { httpStatus: 404, retryable: false, meaning: 'The object store holds nothing under this key.' },
  object_not_decrypted: {
    httpStatus: 500,
    retryable: false,
    meaning: 'A stored object was encrypted with a key that is not configured, or it was changed since.',
  },
} as const satisfies Record<string, ErrorCode>;

interface ErrorCode {
  readonly httpStatus: number;
  readonly retryable: boolean;
  readonly meaning: string;
}

export type ErrorCodeName = keyof typeof ERROR_CODES;

export function isErrorCode(code: string): code is ErrorCodeName {
  return Object.hasOwn(ERROR_CODES, code);
}

/** The one error class that crosses folders. `field` names what was wrong, as the caller wrote it. */
export class NightshiftError extends Error {
  override readonly name = 'NightshiftError';
  readonly code: ErrorCodeName;
  readonly field: string | undefined;
  /** Real seconds after which to try again, where that is known. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorCodeName,
    message: string,
    options: { field?: string; cause?: unknown; retryAfterSeconds?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.field = options.field;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get httpStatus(): (typeof ERROR_CODES)[ErrorCodeName]['httpStatus'] {
    return ERROR_CODES[this.code].httpStatus;
  }

  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }
}
