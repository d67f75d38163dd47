import { Aedes } from 'aedes';
import { createServer } from 'node:net';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { MqttOffer } from '../../../activities/grid/openadr/openAdrPorts.ts';
import { listenForHints } from '../../../worker/control/vtnHints.ts';
import { eventually } from '../../support/eventually.ts';

let broker: Aedes;
let uri = '';
const server = createServer((socket) => void broker.handle(socket));
beforeAll(async () => {
  broker = await Aedes.createBroker();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address === 'object' && address) uri = `mqtt://127.0.0.1:${address.port}`;
});
afterAll(async () => {
  await new Promise<void>((resolve) => broker.close(() => resolve()));
  await new Promise((resolve) => server.close(resolve));
});

const offer = (over: Partial<MqttOffer> = {}): MqttOffer => ({
  uris: [uri],
  topics: ['events/create', 'events/update'],
  username: undefined,
  password: undefined,
  tls: {},
  ...over,
});

test('a new connection and every message are hints; a broker in the clear is not listened to', async () => {
  const hinted: string[] = [];
  const hints = listenForHints(async (id) => void hinted.push(id), pino({ level: 'silent' }));
  const hintsAre = (count: number) =>
    eventually(`${count} hints`, 5_000, async () => (hinted.length >= count ? true : undefined));
  try {
    expect(hints.listen('far', offer({ uris: ['mqtt://broker.example.org'] }))).toContain('mqtts');
    expect(hints.listen('grid', offer())).toBeNull();
    await hintsAre(1);
    expect(hints.listen('grid', offer())).toBeNull();
    await new Promise<void>((resolve) =>
      broker.publish(
        {
          cmd: 'publish',
          topic: 'events/update',
          payload: '{"operation":"UPDATE"}',
          qos: 1,
          retain: false,
          dup: false,
        },
        () => resolve(),
      ),
    );
    await hintsAre(2);
    expect(hinted).toEqual(['grid', 'grid']);
    expect(hints.listen('grid', undefined)).toBe('not offered');
    await eventually('it has left', 5_000, async () => (broker.connectedClients === 0 ? true : undefined));
  } finally {
    await hints.close();
  }
});

test('a broker that does not answer is said at the next look', async () => {
  const hints = listenForHints(async () => {}, pino({ level: 'silent' }));
  const away = offer({ uris: ['mqtt://127.0.0.1:1'] });
  expect(hints.listen('away', away)).toBeNull();
  await eventually('it is said', 5_000, async () =>
    hints.listen('away', away)?.startsWith('the broker at 127.0.0.1 does not answer') ? true : undefined,
  );
  await hints.close();
});
