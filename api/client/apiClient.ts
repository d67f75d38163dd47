import { isErrorCode, NightshiftError } from '../../domain/errors.ts';
import { parseJson } from '../../domain/json.ts';
import { messageOf } from '../../domain/thrown.ts';
import { errorSchema } from '../wire/error.ts';

/** One server-sent event. */
export interface ServerEvent {
  readonly event: string;
  readonly data: string;
  readonly id: string | undefined;
}

type Init = Omit<RequestInit, 'headers'> & { readonly headers?: Readonly<Record<string, string>> };

const RECONNECT_REAL_MS = 1_000;

/** The HTTP API, for whoever holds a key of it: submitter, owner, utility or operator. Paths count from its root. */
export class ApiClient {
  readonly #root: string;
  readonly #authorization: string;

  /**
   * @param baseUrl of the API; an ending `/v1`, as SDKs of OpenAI are given it, is left out
   * @throws NightshiftError `invalid_request` for what is no URL
   */
  constructor(baseUrl: string, apiKey: string) {
    if (!/^https?:\/\//.test(baseUrl) || !URL.canParse(baseUrl)) {
      const message = `The API's URL must begin with http:// or https://, not ${JSON.stringify(baseUrl)}.`;
      throw new NightshiftError('invalid_request', message, { field: 'url' });
    }
    this.#root = baseUrl.replace(/\/+$/, '').replace(/\/v1$/, '');
    this.#authorization = `Bearer ${apiKey}`;
  }

  /** The answer's JSON. @throws NightshiftError like `call` */
  async json(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<unknown> {
    const sent =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const answer = await this.call(path, { method, ...sent });
    return answer.status === 204 ? undefined : answer.json();
  }

  /** @throws NightshiftError with the code, field and retry time that the API gives; `unavailable` when it is silent */
  async call(path: string, init: Init = {}): Promise<Response> {
    const headers = { authorization: this.#authorization, ...init.headers };
    let answer: Response;
    try {
      answer = await fetch(`${this.#root}${path}`, { ...init, headers });
    } catch (cause) {
      if (init.signal?.aborted) throw cause;
      throw new NightshiftError('unavailable', `${this.#root} does not answer: ${messageOf(cause)}`, { cause });
    }
    if (answer.ok) return answer;
    throw errorOf(answer, await answer.text(), `${init.method ?? 'GET'} ${path}`);
  }

  /** Posts, and gives the data of each event of the answer, which may take longer than one in one piece may. */
  async *streamed(path: string, body: unknown): AsyncGenerator<string> {
    const headers = { 'content-type': 'application/json' };
    const answer = await this.call(path, { method: 'POST', body: JSON.stringify(body), headers });
    for await (const { data } of serverEvents(answer.body ?? new ReadableStream())) yield data;
  }

  /**
   * A stream of server-sent events to its `end`; after a broken connection it goes on after the last one.
   * @throws NightshiftError for an answer that asking again would not change
   */
  async *events(path: string, signal?: AbortSignal): AsyncGenerator<ServerEvent> {
    let lastId: string | undefined;
    for (;;) {
      let waitMs = RECONNECT_REAL_MS;
      try {
        const headers: Record<string, string> = lastId === undefined ? {} : { 'last-event-id': lastId };
        const answer = await this.call(path, { headers, ...(signal && { signal }) });
        if (answer.status === 204) return;
        for await (const event of serverEvents(answer.body ?? new ReadableStream())) {
          lastId = event.id ?? lastId;
          yield event;
          if (event.event === 'end') return;
        }
      } catch (error) {
        if (signal?.aborted || (error instanceof NightshiftError && !error.retryable)) throw error;
        if (error instanceof NightshiftError) waitMs = (error.retryAfterSeconds ?? 0) * 1000 || RECONNECT_REAL_MS;
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}

function errorOf(answer: Response, text: string, request: string): NightshiftError {
  const said = errorSchema.safeParse(parseJson(text)).data?.error;
  const wait = Number(answer.headers.get('retry-after'));
  const options = {
    ...(said?.param ? { field: said.param } : {}),
    ...(Number.isFinite(wait) && wait > 0 ? { retryAfterSeconds: wait } : {}),
  };
  if (said && isErrorCode(said.code)) return new NightshiftError(said.code, said.message, options);
  const code = answer.status === 429 ? 'rate_limited' : answer.status >= 500 ? 'unavailable' : 'invalid_request';
  return new NightshiftError(code, `${request} answered ${answer.status}: ${said?.message ?? text}`, options);
}

async function* serverEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = new Map(block.split('\n').map((line) => splitField(line)));
      const data = fields.get('data');
      if (data !== undefined) yield { event: fields.get('event') ?? 'message', data, id: fields.get('id') };
    }
  }
}

function splitField(line: string): [string, string] {
  const colon = line.indexOf(': ');
  return colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 2)];
}
