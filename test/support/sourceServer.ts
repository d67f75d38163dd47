import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

import { afterAll, beforeAll } from 'vitest';

interface SourceAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}
type Answering = (url: URL, request: IncomingMessage) => SourceAnswer | Promise<SourceAnswer>;

/** Plays a signal source on loopback: a test sets what it answers, and reads what it was asked. */
export interface SourceServer {
  readonly origin: string;
  answer: Answering;
  readonly asked: { readonly url: URL; readonly headers: IncomingMessage['headers'] }[];
}

/** Call at top level. */
export function useSourceServer(): SourceServer {
  let origin = '';
  const source: { -readonly [Key in keyof SourceServer]: SourceServer[Key] } = {
    answer: () => ({ status: 404 }),
    asked: [],
    get origin() {
      return origin;
    },
  };
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', origin);
    source.asked.push({ url, headers: request.headers });
    const { status = 200, headers = {}, body = '' } = await source.answer(url, request);
    response.writeHead(status, headers).end(body);
  };
  const server = createServer((request, response) => void respond(request, response));
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (typeof address === 'object' && address) origin = `http://127.0.0.1:${address.port}`;
  });
  afterAll(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  });
  return source;
}
