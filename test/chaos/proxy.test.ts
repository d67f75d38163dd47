import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startProxy, type Proxy } from './proxy.ts';

let server: Server;
let proxy: Proxy;
const clients: Socket[] = [];

beforeEach(async () => {
  // Says what it hears.
  server = createServer((socket) => socket.on('error', () => socket.destroy()).pipe(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  proxy = await startProxy(typeof address === 'object' && address ? address.port : 0);
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await proxy.close();
  await new Promise((resolve) => server.close(resolve));
});

/** A client that has heard so much. */
function open(): { socket: Socket; heard: () => string } {
  const socket = connect(proxy.port, '127.0.0.1');
  clients.push(socket);
  let heard = '';
  socket.on('data', (bytes: Buffer) => (heard += bytes.toString()));
  socket.on('error', () => socket.destroy());
  return { socket, heard: () => heard };
}

describe('a proxy', () => {
  test('carries both ways', async () => {
    const { socket, heard } = open();
    socket.write('there and back');
    await expect.poll(heard).toBe('there and back');
  });

  test('that refuses breaks what is open and takes nothing new, until it is opened', async () => {
    const before = open();
    before.socket.write('a');
    await expect.poll(before.heard).toBe('a');
    proxy.set('refuse');
    await expect.poll(() => before.socket.destroyed).toBe(true);
    const within = open();
    await expect.poll(() => within.socket.destroyed).toBe(true);
    proxy.set('open');
    const after = open();
    after.socket.write('b');
    await expect.poll(after.heard).toBe('b');
  });

  test('that is silent lets connections hang, old and new, and they go on where they were', async () => {
    const before = open();
    before.socket.write('a');
    await expect.poll(before.heard).toBe('a');
    proxy.set('silence');
    const within = open();
    await once(within.socket, 'connect');
    for (const { socket } of [before, within]) await new Promise((resolve) => socket.write('b', resolve));
    // Another way to the server shows that there was time for an answer.
    const aside = connect((server.address() as { port: number }).port, '127.0.0.1');
    clients.push(aside);
    aside.write('c');
    await once(aside, 'data');
    expect([before.heard(), within.heard()]).toEqual(['a', '']);
    proxy.set('open');
    await expect.poll(before.heard).toBe('ab');
    await expect.poll(within.heard).toBe('b');
  });
});
