import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { isIP, type AddressInfo } from 'node:net';

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { guardedPost } from '../../../activities/webhooks/guardedPost.ts';
import type { WebhookHosts } from '../../../domain/webhookTargets.ts';

let server: Server;
let port = 0;
const asked: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    request.resume();
    if (request.url === '/moved') response.writeHead(302, { location: '/elsewhere' }).end();
    // An answer that never ends must not hold the post.
    else response.writeHead(200).write('x');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  asked.length = 0;
});

const post = (url: string, hosts: WebhookHosts, addresses?: readonly string[]) =>
  guardedPost({
    url,
    body: '{}',
    headers: {},
    hosts,
    ...(addresses && { resolve: async () => addresses.map((address) => ({ address, family: isIP(address) })) }),
  });

test('posts to this machine where that is allowed, by address and by name', async () => {
  expect(await post(`http://127.0.0.1:${port}/a`, 'loopback')).toBe(200);
  expect(await post(`http://localhost:${port}/b`, 'loopback')).toBe(200);
  expect(asked).toEqual(['/a', '/b']);
});

test('a redirect is an answer, not a way', async () => {
  expect(await post(`http://127.0.0.1:${port}/moved`, 'loopback')).toBe(302);
  expect(asked).toEqual(['/moved']);
});

test('the connection goes to the addresses that were checked, not to what the name leads to next', async () => {
  expect(await post(`http://localhost:${port}/c`, 'loopback', ['127.0.0.1'])).toBe(200);
  expect(asked).toEqual(['/c']);
});

test.each([
  [['127.0.0.1'], 'public'],
  [['169.254.169.254'], 'loopback'],
  [['93.184.216.34', '10.0.0.1'], 'public'],
  [['::ffff:127.0.0.1'], 'public'],
  [[], 'public'],
] as const)('an innocent name that leads to %j is found out when it is resolved', async (addresses, hosts) => {
  await expect(post(`https://hook.example:${port}/hook`, hosts, addresses)).rejects.toThrow(/hook\.example leads to/);
  expect(asked).toEqual([]);
});

test('a port where nobody listens is an error', async () => {
  await expect(post('http://127.0.0.1:1/', 'loopback')).rejects.toThrow(/ECONNREFUSED/);
});
