import { z } from 'zod';
import { redactor } from '../redactor.ts';
import { FeedError, unusable } from './feedError.ts';

const TIMEOUT_REAL_MS = 10_000;
/** The largest answer in use, two days of ENTSO-E prices, has under 100 kB. */
const MAX_BYTES = 8 * 1024 * 1024;
const QUOTED_CHARACTERS = 200;

export interface FeedHttpOptions {
  /** Scheme, host and port: the only ones that this feed can reach. */
  readonly origin: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Never shown, not even when the source echoes them. */
  readonly secrets?: readonly string[];
  readonly timeoutRealMs?: number;
  readonly maxBytes?: number;
}

export interface FeedRequest {
  /** A path, or a link that the source gave; a link to another origin is refused. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** The answer is a secret itself, so that no error quotes it. */
  readonly isSecret?: true;
}

/** GET at one origin, with a time-out and a size limit. Redirects are refused: they would lead to other hosts. */
export interface FeedHttp {
  /** @throws FeedError */
  bytes(request: FeedRequest): Promise<Buffer>;
  /** @throws FeedError */
  text(request: FeedRequest): Promise<string>;
  /** @throws FeedError, also when the answer has not the form of `schema` */
  json<Schema extends z.ZodType>(request: FeedRequest, schema: Schema): Promise<z.output<Schema>>;
}

export function feedHttp(options: FeedHttpOptions): FeedHttp {
  const { origin, headers = {}, secrets = [], timeoutRealMs = TIMEOUT_REAL_MS, maxBytes = MAX_BYTES } = options;
  const redactedFor = ({ headers: own = {} }: FeedRequest): ((text: string) => string) =>
    // `Bearer x`, `Basic y`: what follows the scheme.
    redactor([...secrets, ...Object.values(own).map((value) => value.split(' ').at(-1))]);
  const quoted = (request: FeedRequest, text: string): string =>
    request.isSecret ? '(not shown)' : redactedFor(request)(text).replace(/\s+/g, ' ').slice(0, QUOTED_CHARACTERS);

  const bytes = async (request: FeedRequest): Promise<Buffer> => {
    const url = new URL(request.path, origin);
    if (url.origin !== origin) throw unusable(`a link leads to ${url.origin}, but only ${origin} is allowed`);
    for (const [name, value] of Object.entries(request.query ?? {})) url.searchParams.set(name, value);
    // The query may hold a key.
    const place = redactedFor(request)(url.origin + url.pathname);
    let answer: Response;
    let body: Buffer;
    try {
      answer = await fetch(url, {
        headers: { ...headers, ...request.headers },
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutRealMs),
      });
      body = await readAtMost(answer, maxBytes, place);
    } catch (cause) {
      if (cause instanceof FeedError) throw cause;
      const isLate = cause instanceof Error && cause.name === 'TimeoutError';
      const what = isLate ? `did not answer within ${timeoutRealMs / 1000} s` : 'cannot be reached';
      // Without the cause: it may quote the request, and with it a key.
      throw new FeedError(`${place} ${what}`, { retryable: true });
    }
    if (answer.ok) return body;
    if (answer.status >= 300 && answer.status < 400) throw unusable(`${place} redirects, which is refused`);
    throw new FeedError(`${place} answered ${answer.status}: ${quoted(request, body.toString('utf8'))}`, {
      retryable: answer.status === 408 || answer.status === 429 || answer.status >= 500,
      retryAfterRealMs: retryAfterRealMs(answer.headers.get('retry-after')),
    });
  };
  const text = async (request: FeedRequest): Promise<string> =>
    redactor(secrets)((await bytes(request)).toString('utf8'));
  return {
    bytes,
    text,
    async json(request, schema) {
      const answer = await text(request);
      let value: unknown;
      try {
        value = JSON.parse(answer);
      } catch {
        throw unusable(`${request.path} answered no JSON: ${quoted(request, answer)}`);
      }
      const parsed = schema.safeParse(value);
      if (parsed.success) return parsed.data;
      const [issue] = parsed.error.issues;
      throw unusable(
        `${request.path} answered another form, ${issue?.path.join('.') || 'at its root'}: ${issue?.message}; ` +
          `it begins ${quoted(request, answer)}`,
      );
    },
  };
}

async function readAtMost(answer: Response, maxBytes: number, place: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // The stream's chunks are bytes; its type leaves that open.
  const stream: AsyncIterable<Uint8Array> | null = answer.body;
  for await (const chunk of stream ?? []) {
    length += chunk.byteLength;
    // Leaving the loop cancels the rest of the download.
    if (length > maxBytes) throw unusable(`${place} answered more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Seconds or an HTTP date (RFC 9110, 10.2.3). */
function retryAfterRealMs(header: string | null): number | undefined {
  if (header === null) return undefined;
  const waitMs = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs);
}
