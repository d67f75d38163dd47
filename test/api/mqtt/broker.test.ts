import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startBroker, type Broker } from '../../../api/mqtt/broker.ts';
import { brokerAccess } from '../../../api/mqtt/brokerRights.ts';

const KEYS: Record<string, string> = { 'key of a': 'a', 'key of b': 'b' };
const options = {
  host: '127.0.0.1',
  port: 0,
  logger: pino({ level: 'silent' }),
  admit: brokerAccess({
    telemetryBase: 'telemetry',
    passwords: { services: 'ours', simulatedFleet: 'simulated' },
    carOfKey: async (key) => {
      if (key === 'key while the database is away') throw new Error('no connection');
      const vehicleId = KEYS[key];
      return vehicleId === undefined ? undefined : { vehicleId };
    },
  }),
};
const misuse: string[] = [];
const clients: MqttClient[] = [];
let broker: Broker;

beforeEach(async () => {
  misuse.length = 0;
  broker = await startBroker({ ...options, onMisuse: (carId, what) => misuse.push(`${carId} ${what}`) });
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
  await broker.close();
});

async function enter(given: IClientOptions): Promise<MqttClient> {
  const client = await connectAsync(broker.url, { protocolVersion: 4, reconnectPeriod: 0, ...given });
  // A client that is cut off says so here; the tests look at what became of it.
  client.on('error', () => {});
  clients.push(client);
  return client;
}
const service = () => enter({ username: 'nightshift', password: 'ours', clientId: 'control-1' });
const fleet = () => enter({ username: 'simulated-fleet', password: 'simulated', clientId: 'fleet-1' });
const car = (id: string, given: IClientOptions = {}) =>
  enter({ username: id, password: `key of ${id}`, clientId: `car-${id}`, ...given });

function heardBy(client: MqttClient): string[] {
  const got: string[] = [];
  client.on('message', (topic, payload, { retain }) =>
    got.push(`${topic}=${payload.toString()}${retain ? ' kept' : ''}`),
  );
  return got;
}

const will = (topic: string): IClientOptions => ({
  will: { topic, payload: Buffer.from('gone'), qos: 1, retain: false },
});

/** Publishes, and waits until the broker has cut the client off for it. */
async function isCutOffFor(client: MqttClient, topic: string): Promise<boolean> {
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
  client.publish(topic, 'x', { qos: 0, retain: true });
  await closed;
  return !client.connected;
}

describe('who is let in', () => {
  test.each([
    ['anonymous', {}],
    ['a service with a wrong password', { username: 'nightshift', password: 'guess' }],
    ['a car with a wrong key', { username: 'a', password: 'guess', clientId: 'car-a' }],
    ["a car with another car's key", { username: 'a', password: 'key of b', clientId: 'car-a' }],
    ['a car that calls itself a service', { username: 'nightshift', password: 'key of a' }],
  ])('not %s', async (_, given) => {
    await expect(enter(given)).rejects.toMatchObject({ code: 4 });
  });

  test("not a car under another client's id, which would cut that one off and inherit what it hears", async () => {
    const victim = await car('b');
    for (const clientId of ['car-b', 'control-1', 'check-b', '']) {
      await expect(car('a', { clientId, clean: clientId === '' })).rejects.toMatchObject({ code: 2 });
    }
    await expect(enter({ username: 'nightshift', password: 'ours', clientId: 'car-b' })).rejects.toMatchObject({
      code: 2,
    });
    expect(victim.connected).toBe(true);
  });

  test('says that it cannot tell when the database is away', async () => {
    const away = { username: 'a', password: 'key while the database is away', clientId: 'car-a' };
    await expect(enter(away)).rejects.toMatchObject({ code: 3 });
  });
});

test('refuses a client by its return code when as many are connected as may be', async () => {
  await broker.close();
  const connections = { max: 10, maxPerAddress: 1 };
  broker = await startBroker({ ...options, connections, onMisuse: () => undefined });
  const first = await car('a');
  await expect(car('b')).rejects.toMatchObject({ code: 3 });
  await first.endAsync(true);
  await expect.poll(async () => (await car('b').catch(() => undefined))?.connected).toBe(true);
});

describe('a car', () => {
  test('hears its own orders, also those from before, and is heard on its own topics', async () => {
    const control = await service();
    await control.publishAsync('nightshift/a/setpoints', 'before', { qos: 1, retain: true });
    const [told, heard] = [await car('a'), heardBy(control)];
    const got = heardBy(told);
    await told.subscribeAsync(['nightshift/a/setpoints', 'nightshift/a/#'], { qos: 1 });
    await control.subscribeAsync(['nightshift/+/meter', 'telemetry/#'], { qos: 1 });
    await told.publishAsync('nightshift/a/meter', '1', { qos: 1 });
    await told.publishAsync('telemetry/a/v/BatteryLevel', '2', { qos: 1 });
    await expect.poll(() => heard).toEqual(['nightshift/a/meter=1', 'telemetry/a/v/BatteryLevel=2']);
    expect(got).toContain('nightshift/a/setpoints=before kept');
    expect(misuse).toEqual([]);
  });

  test.each([
    'nightshift/b/setpoints',
    'nightshift/+/setpoints',
    'nightshift/#',
    '#',
    '+/+/+',
    'telemetry/#',
    'telemetry/b/v/Location',
    '$SYS/#',
    'nightshift/ab/setpoints',
  ])('does not get to hear %s', async (filter) => {
    const [spy, control] = [await car('a'), await service()];
    const got = heardBy(spy);
    await spy.subscribeAsync(filter, { qos: 1 }).catch(() => undefined);
    await control.publishAsync('nightshift/b/setpoints', 'x', { qos: 1, retain: true });
    await control.publishAsync('telemetry/b/v/Location', 'x', { qos: 1, retain: true });
    // What follows on a topic of its own shows that everything before has passed.
    await spy.subscribeAsync('nightshift/a/shed', { qos: 1 });
    await control.publishAsync('nightshift/a/shed', 'last', { qos: 1 });
    await expect.poll(() => got.at(-1)).toBe('nightshift/a/shed=last');
    expect(got).toEqual(['nightshift/a/shed=last']);
    expect(misuse).toEqual([`a tried to subscribe to "${filter}"`]);
  });

  test.each([
    'nightshift/b/meter',
    'nightshift/b/setpoints',
    'nightshift/a/setpoints',
    'nightshift/a/shed',
    'telemetry/b/connectivity',
    '$SYS/x',
  ])('is cut off when it publishes to %s, and nobody hears it', async (topic) => {
    const control = await service();
    const heard = heardBy(control);
    await control.subscribeAsync('#', { qos: 1 });
    expect(await isCutOffFor(await car('a'), topic)).toBe(true);
    await control.publishAsync('last', '', { qos: 1 });
    await expect.poll(() => heard).toEqual(['last=']);
    expect(misuse).toEqual([`a tried to publish to "${topic}"`]);
  });

  test('cannot leave a will for another car', async () => {
    const control = await service();
    const heard = heardBy(control);
    await control.subscribeAsync('nightshift/#', { qos: 1 });
    (await car('a', will('nightshift/b/connectivity'))).stream.destroy();
    (await car('b', will('nightshift/b/connectivity'))).stream.destroy();
    await expect.poll(() => heard).toEqual(['nightshift/b/connectivity=gone']);
    expect(misuse).toEqual(['a tried to publish to "nightshift/b/connectivity"']);
  });

  test('that floods is cut off and kept away, is told of once, and the next one is served', async () => {
    const flood = await car('a');
    const closed = new Promise<void>((resolve) => flood.once('close', () => resolve()));
    for (let sent = 0; sent < 5_000; sent += 1) flood.publish('nightshift/a/meter', 'x');
    await closed;
    await expect(car('a')).rejects.toMatchObject({ code: 3 });
    await expect(car('a')).rejects.toMatchObject({ code: 3 });
    expect((await car('b')).connected).toBe(true);
    expect(misuse).toEqual([
      'a sent more than 20 messages a second, and is kept off the broker for a minute each time',
    ]);
  });
});

test("lets the simulated cars' telemetry server say what cars say, and hear orders, no more", async () => {
  const [control, simulated] = [await service(), await fleet()];
  const [heard, got] = [heardBy(control), heardBy(simulated)];
  await control.subscribeAsync('#', { qos: 1 });
  await simulated.subscribeAsync(['nightshift/+/setpoints', 'nightshift/+/shed', 'nightshift/+/wake'], { qos: 1 });
  await simulated.subscribeAsync('#', { qos: 1 }).catch(() => undefined);
  await simulated.publishAsync('telemetry/a/connectivity', '1', { qos: 1 });
  await simulated.publishAsync('nightshift/a/meter', '2', { qos: 1 });
  await control.publishAsync('nightshift/a/wake', '3', { qos: 1 });
  await expect.poll(() => got).toEqual(['nightshift/a/wake=3']);
  expect(await isCutOffFor(simulated, 'nightshift/a/setpoints')).toBe(true);
  expect(heard).toEqual(['telemetry/a/connectivity=1', 'nightshift/a/meter=2', 'nightshift/a/wake=3']);
});

test('keeps retained messages, and names a busy port', async () => {
  const port = Number(new URL(broker.url).port);
  await expect(startBroker({ ...options, onMisuse: () => {}, port })).rejects.toMatchObject({ code: 'port_in_use' });
});
