import type { LiveEvent } from './liveState.ts';

/** What the API refused, in its own words. */
export class ApiError extends Error {
  readonly status: number;
  readonly field: string | undefined;

  constructor(status: number, message: string, field: string | undefined) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.field = field;
  }
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
const SILENT = 0;

/** The HTTP API with the key that was signed in with. The page asks only what is documented in /openapi.json. */
export class Api {
  readonly #key: string;

  constructor(key: string) {
    this.#key = key;
  }

  /** @throws ApiError; with status 0 when the server is silent */
  async json<Answer>(method: Method, path: string, body?: unknown): Promise<Answer> {
    const response = await this.call(method, path, body === undefined ? undefined : JSON.stringify(body));
    // Our own server's, whose tests hold it to the form; a second check would take as much code as the page.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return (await response.json()) as Answer;
  }

  get<Answer>(path: string): Promise<Answer> {
    return this.json<Answer>('GET', path);
  }

  async call(method: Method, path: string, body?: BodyInit, signal?: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { authorization: `Bearer ${this.#key}` };
    if (typeof body === 'string') headers['content-type'] = 'application/json';
    let response: Response;
    try {
      response = await fetch(path, {
        method,
        headers,
        ...(body !== undefined && { body }),
        ...(signal && { signal }),
      });
    } catch (cause) {
      throw new ApiError(SILENT, cause instanceof Error ? cause.message : String(cause), undefined);
    }
    if (response.ok) return response;
    throw await errorOf(response);
  }

  /** Saves what a GET answers as a file: a link could not carry the key. */
  async download(path: string, name: string): Promise<void> {
    const blob = await (await this.call('GET', path)).blob();
    const url = URL.createObjectURL(blob);
    const link = Object.assign(document.createElement('a'), { href: url, download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  /**
   * The page's stream, for as long as it lasts. EventSource cannot send a header, so it is read from a fetch.
   * @returns when the server ends it; the caller comes back
   */
  async follow(
    lastId: string | undefined,
    signal: AbortSignal,
    onEvent: (event: LiveEvent, id: string | undefined) => void,
  ): Promise<void> {
    const headers: Record<string, string> = { authorization: `Bearer ${this.#key}` };
    if (lastId !== undefined) headers['last-event-id'] = lastId;
    const response = await fetch('/page/v1/events', { headers, signal });
    if (!response.ok) throw await errorOf(response);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true, value: '' };
      if (done) return;
      text += value;
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const fields = new Map(block.split('\n').map(splitField));
        const [name, data] = [fields.get('event'), fields.get('data')];
        if (name !== undefined && data !== undefined) {
          // oxlint-disable-next-line typescript/no-unsafe-type-assertion
          onEvent({ name, data: JSON.parse(data) } as LiveEvent, fields.get('id'));
        }
      }
    }
  }
}

function splitField(line: string): [string, string] {
  const colon = line.indexOf(': ');
  return colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 2)];
}

async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text();
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const { error } = JSON.parse(text) as { error: { message: string; param: string | null } };
    return new ApiError(response.status, error.message, error.param ?? undefined);
  } catch {
    return new ApiError(response.status, text || response.statusText, undefined);
  }
}
