import { connectAsync } from 'mqtt';
import { pino } from 'pino';
import { expect, test } from 'vitest';

import { startBroker } from '../../api/mqtt/broker.ts';

const options = { host: '127.0.0.1', port: 0, logger: pino({ level: 'silent' }) };

test('passes messages on, keeps retained ones, and names a busy port', async () => {
  const broker = await startBroker(options);
  const publisher = await connectAsync(broker.url);
  await publisher.publishAsync('kept', 'x', { qos: 1, retain: true });
  const reader = await connectAsync(broker.url);
  const got: string[] = [];
  reader.on('message', (topic, payload, { retain }) => got.push(`${topic}=${payload.toString()} ${retain}`));
  await reader.subscribeAsync(['kept', 'live'], { qos: 1 });
  await publisher.publishAsync('live', 'y', { qos: 1 });
  await expect.poll(() => got).toEqual(['kept=x true', 'live=y false']);

  const port = Number(new URL(broker.url).port);
  await expect(startBroker({ ...options, port })).rejects.toMatchObject({ code: 'port_in_use' });
  const closed = new Promise<void>((resolve) => reader.once('close', () => resolve()));
  await broker.close();
  await closed;
  await Promise.all([publisher.endAsync(true), reader.endAsync(true)]);
});
