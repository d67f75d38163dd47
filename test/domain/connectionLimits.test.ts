import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { httpRefusal, limitConnections, type ConnectionLimits } from '../../domain/connectionLimits.ts';

const warnings: string[] = [];
const logger = pino({ level: 'warn' }, { write: (line) => void warnings.push(String(JSON.parse(line).msg)) });
const sockets: Socket[] = [];
let server: Server;

beforeEach(() => {
  warnings.length = 0;
  server = createServer((_, response) => response.end('ok'));
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server.close();
});

async function listening(limits: ConnectionLimits): Promise<void> {
  limitConnections(server, limits, logger, httpRefusal);
  await once(server.listen(0, '127.0.0.1'), 'listening');
}

async function open(): Promise<Socket> {
  const { port } = server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** @returns the status and the last line of what comes for a request; '' when the connection is closed without a word */
async function answer(socket: Socket): Promise<string> {
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  const [said] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as unknown[];
  const lines = Buffer.isBuffer(said) ? said.toString().split('\r\n') : [];
  return lines.length === 0 ? '' : `${lines[0]?.split(' ')[1]} ${lines.at(-1)}`;
}

test('an address has so many connections, is told why it gets no more, and gets more when one of them closes', async () => {
  await listening({ max: 10, maxPerAddress: 2 });
  const [first, second, third] = [await open(), await open(), await open()];
  expect(await answer(first)).toBe('200 ok');
  expect(await answer(second)).toBe('200 ok');
  expect(await answer(third)).toMatch(
    /^503 \{"error":\{"message":"2 connections of 127\.0\.0\.1 are open.*maxPerAddress/,
  );
  expect(await answer(await open())).toMatch(/^503/);
  expect(warnings).toHaveLength(1);
  first.destroy();
  await expect.poll(async () => answer(await open())).toBe('200 ok');
  expect(await answer(second)).toBe('200 ok');
});

test('there are so many connections in all, whatever the address', async () => {
  await listening({ max: 1, maxPerAddress: 10 });
  const first = await open();
  expect(await answer(first)).toBe('200 ok');
  expect(await answer(await open())).toMatch(/^503 .*as many as connections\.max allows/);
});

test('however many knock at once, none is let in and the log tells it once', async () => {
  await listening({ max: 1, maxPerAddress: 1 });
  await open();
  const answers = await Promise.all(Array.from({ length: 100 }, async () => answer(await open())));
  expect(answers.filter((each) => each.startsWith('200'))).toEqual([]);
  expect(warnings).toHaveLength(1);
});
