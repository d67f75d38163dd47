import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, test } from 'vitest';

import { ApiClient } from '../../api/client/apiClient.ts';

let server: Server | undefined;
afterEach(() => server?.close());

interface Canned {
  readonly status: number;
  readonly body: string;
  readonly headers?: Record<string, string>;
}

/** A server that gives the answers in turn, the last one for ever; @returns its client and the paths that were asked */
async function answering(...answers: readonly [Canned, ...Canned[]]): Promise<{ client: ApiClient; paths: string[] }> {
  const paths: string[] = [];
  server = createServer((request, response) => {
    const { status, body, headers = {} } = answers[Math.min(paths.length, answers.length - 1)] ?? answers[0];
    paths.push(request.url ?? '');
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { client: new ApiClient(`http://127.0.0.1:${port}/v1`, 'key'), paths };
}

const errorBody = (code: string, message: string, param: string | null = null): string =>
  JSON.stringify({ error: { message, type: 'invalid_request_error', param, code } });

describe('ApiClient', () => {
  test('counts paths from the root, also when it was given the base URL of an SDK', async () => {
    const { client, paths } = await answering({ status: 200, body: '{}' });
    await client.json('GET', '/grid/v1/events');
    expect(paths).toEqual(['/grid/v1/events']);
  });

  test('throws with the code, the field and the waiting time that the API gave', async () => {
    const { client } = await answering({
      status: 429,
      body: errorBody('rate_limited', 'Too many.', 'key'),
      headers: { 'retry-after': '7' },
    });
    await expect(client.json('GET', '/v1/files')).rejects.toMatchObject({
      code: 'rate_limited',
      message: 'Too many.',
      field: 'key',
      retryAfterSeconds: 7,
      retryable: true,
    });
  });

  test.each([
    [429, 'rate_limited'],
    [502, 'unavailable'],
    [404, 'invalid_request'],
  ])('tells what a server that is not ours means by %i', async (status, code) => {
    const { client } = await answering({ status, body: '<html>no</html>' });
    await expect(client.json('GET', '/v1/files')).rejects.toMatchObject({
      code,
      message: expect.stringContaining('no'),
    });
  });

  test('goes on watching after a 429, and ends at an answer that asking again would not change', async () => {
    const { client, paths } = await answering(
      { status: 429, body: errorBody('rate_limited', 'Too many.'), headers: { 'retry-after': '0.01' } },
      { status: 200, body: 'id: 1\nevent: line\ndata: {}\n\n', headers: { 'content-type': 'text/event-stream' } },
      { status: 404, body: errorBody('not_found', 'There is no batch "x".') },
    );
    const seen: string[] = [];
    const watch = async (): Promise<void> => {
      for await (const { event } of client.events('/v1/batches/x/events')) seen.push(event);
    };
    await expect(watch()).rejects.toMatchObject({ code: 'not_found' });
    expect(seen).toEqual(['line']);
    expect(paths).toHaveLength(3);
  });
});
