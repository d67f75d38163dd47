import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { redactor } from '../redactor.ts';
import { VtnError } from './vtnError.ts';

const ANSWER_LIMIT_REAL_MS = 10_000;
/** A page of 50 events of 288 intervals has about 2 MB. */
const MAX_BYTES = 16 * 1024 * 1024;
const QUOTED_CHARACTERS = 200;

export interface VtnHttpOptions {
  readonly verifyTls?: boolean;
  readonly ca?: string | undefined;
  /** Never shown, not even when the server echoes them. */
  readonly secrets?: readonly string[];
  readonly answerLimitRealMs?: number;
  readonly maxBytes?: number;
}

export interface VtnCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: URL;
  readonly token?: string | undefined;
  readonly json?: unknown;
  readonly form?: URLSearchParams;
  /** What is left of a limit that several calls share; it is counted down. */
  readonly budget?: { leftBytes: number };
}

/** One exchange with a server: TLS from 1.2 on and verified, no redirects, a time and a size limit. Gives the JSON. */
export type VtnHttp = (call: VtnCall) => Promise<unknown>;

/** Node's fetch cannot be given certificates of a private authority, which utilities use. */
export function vtnHttp(options: VtnHttpOptions = {}): VtnHttp {
  const { verifyTls = true, ca, secrets = [] } = options;
  const { answerLimitRealMs = ANSWER_LIMIT_REAL_MS, maxBytes = MAX_BYTES } = options;
  return async ({ method, url, token, json, form, budget = { leftBytes: maxBytes } }) => {
    const place = `${method} ${url.origin}${url.pathname}`;
    const body = form?.toString() ?? (json === undefined ? undefined : JSON.stringify(json));
    const signal = AbortSignal.timeout(answerLimitRealMs);
    const tls = { rejectUnauthorized: verifyTls, minVersion: 'TLSv1.2', ...(ca !== undefined && { ca }) } as const;
    const call: RequestOptions = {
      method,
      signal,
      headers: {
        accept: 'application/json',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && {
          'content-type': form ? 'application/x-www-form-urlencoded' : 'application/json',
          'content-length': Buffer.byteLength(body),
        }),
      },
    };
    let answer: IncomingMessage;
    let text: string;
    try {
      answer = await exchanged(url, url.protocol === 'https:' ? { ...call, ...tls } : call, body);
      text = await readAtMost(answer, Math.min(maxBytes, budget.leftBytes), place);
      budget.leftBytes -= text.length;
    } catch (error) {
      if (error instanceof VtnError) throw error;
      // Only the code: messages of the network layer may quote the request.
      const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
      const what = signal.aborted ? `did not answer within ${answerLimitRealMs / 1000} s` : `cannot be reached${code}`;
      throw new VtnError(`${place} ${what}`);
    }
    const status = answer.statusCode ?? 0;
    if (status >= 300 && status < 400) throw new VtnError(`${place} redirects, which is refused`, { status });
    if (status < 200 || status >= 300) {
      const quoted = redactor([...secrets, token])(text)
        .replace(/\s+/g, ' ')
        .slice(0, QUOTED_CHARACTERS);
      const retryAfterRealMs = waitOf(answer.headers['retry-after']);
      throw new VtnError(`${place} answered ${status}: ${quoted}`, { status, retryAfterRealMs });
    }
    if (text.trim() === '') return undefined;
    try {
      return JSON.parse(text);
    } catch {
      throw new VtnError(`${place} answered no JSON`);
    }
  };
}

function exchanged(url: URL, options: RequestOptions, body: string | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const request = send(url, options, resolve);
    request.on('error', reject);
    request.end(body);
  });
}

async function readAtMost(answer: IncomingMessage, maxBytes: number, place: string): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  const stream: AsyncIterable<Buffer> = answer;
  for await (const chunk of stream) {
    length += chunk.byteLength;
    // Leaving the loop ends the connection.
    if (length > maxBytes) throw new VtnError(`${place} answered more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Seconds or an HTTP date (RFC 9110, 10.2.3). */
function waitOf(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const waitMs = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs);
}
