import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Aedes } from 'aedes';
import mqtt, { type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Clock } from '../../domain/clock.ts';
import { topics } from '../../domain/names.ts';
import { meterReadingSchema } from '../../domain/setpoints.ts';
import { loadFleet } from '../../simulator/stateFile.ts';
import { SimulatedFleet, type SimulatedFleetOptions } from '../../simulator/fleet.ts';
import { MILD, MINUTE_MS, PARKED, quarterHours, SPEC, START_MS } from './cars.ts';

let folder: string;
let broker: Aedes;
let server: Server;
let clients: MqttClient[];
let fleets: { fleet: SimulatedFleet; done: Promise<void> }[];
let clock: Clock;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nightshift-fleet-'));
  broker = await Aedes.createBroker();
  server = createServer(broker.handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  clients = [];
  fleets = [];
  clock = { originMs: START_MS, anchorMs: Date.now(), scale: 2_000 };
});

afterEach(async () => {
  for (const { fleet, done } of fleets) {
    fleet.stop();
    await done;
  }
  await Promise.all(clients.map((client) => client.endAsync(true)));
  await new Promise<void>((resolve) => broker.close(() => resolve()));
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

/** The machine may be busy; a condition that never comes fails all the same. */
function eventually<Result>(check: () => Result | Promise<Result>): Promise<Result> {
  return vi.waitFor(check, { timeout: 15_000 });
}

async function connect(): Promise<MqttClient> {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the broker has no port');
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${address.port}`, { protocolVersion: 4 });
  clients.push(client);
  return client;
}

async function options(change: Partial<SimulatedFleetOptions> = {}): Promise<SimulatedFleetOptions> {
  return {
    scenario: 'test-night',
    startMs: START_MS,
    cars: [{ spec: SPEC, script: PARKED, weather: MILD }],
    seed: 1,
    clock,
    mqtt: await connect(),
    stateFile: path.join(folder, 'fleet.json'),
    logger: pino({ level: 'silent' }),
    ...change,
  };
}

async function start(change: Partial<SimulatedFleetOptions> = {}): Promise<SimulatedFleet> {
  const fleet = await SimulatedFleet.load(await options(change));
  fleets.push({ fleet, done: fleet.run() });
  return fleet;
}

async function listen(topic: string): Promise<{ topic: string; payload: string }[]> {
  const heard: { topic: string; payload: string }[] = [];
  const client = await connect();
  client.on('message', (topic, payload) => heard.push({ topic, payload: payload.toString() }));
  await client.subscribeAsync(topic, { qos: 1 });
  return heard;
}

async function publishProfile(chargeKw: number, slots = 96): Promise<void> {
  const client = await connect();
  const profile = quarterHours(Array.from({ length: slots }, () => ({ chargeKw })));
  await client.publishAsync(topics.setpoints(SPEC.vehicleId), JSON.stringify(profile), { qos: 1, retain: true });
}

test('a car follows the setpoints that wait for it on the broker, and its meter says so', async () => {
  await publishProfile(6);
  const readings = await listen(topics.meter(SPEC.vehicleId));
  await start();
  await eventually(() => expect(readings.length).toBeGreaterThan(3));
  const registers = readings.map(({ payload }) => meterReadingSchema.parse(JSON.parse(payload)));
  const [first, second] = registers.slice(-2);
  const hours = ((second?.atMs ?? 0) - (first?.atMs ?? 0)) / (60 * MINUTE_MS);
  expect((second?.chargingKwh ?? 0) - (first?.chargingKwh ?? 0)).toBeCloseTo(6 * hours, 6);
});

test('telemetry is retained, so that an ingress that starts later finds it', async () => {
  await start();
  await eventually(async () => {
    const heard = await listen(`telemetry/${SPEC.vehicleId}/v/Gear`);
    await vi.waitFor(() => expect(heard[0]?.payload).toBe('"ShiftStateP"'), { timeout: 300 });
  });
});

test('a sleeping car wakes on its topic and tells its agent', async () => {
  const fleet = await start({ cars: [{ spec: SPEC, script: { ...PARKED, asleepAtStart: true }, weather: MILD }] });
  const [host] = fleet.hosts;
  const awake: boolean[] = [];
  host?.listen({ onAwake: (state) => awake.push(state) });
  const client = await connect();
  await client.publishAsync(topics.wake(SPEC.vehicleId), JSON.stringify({ reason: 'work' }), { qos: 1 });
  await eventually(() => expect(awake).toEqual([true]));
});

test('an agent hears in order what its car does, also when it answers from within', async () => {
  const trip = { leavesAtMs: START_MS + MINUTE_MS, leavingMs: 30_000, awayMs: MINUTE_MS, consumesSocPercent: 1 };
  const script = { ...PARKED, trips: [{ ...trip, manner: 'gear_first' as const }] };
  const fleet = await start({ cars: [{ spec: SPEC, script, weather: MILD }] });
  const [host] = fleet.hosts;
  const heard: string[] = [];
  host?.computeDraw(host.computeKw());
  host?.listen({
    onHold: (reason) => {
      heard.push(`hold ${reason}`);
      host.computeDraw(0);
    },
    onRelease: (reason) => heard.push(`release ${reason}`),
  });
  await eventually(() =>
    expect(heard).toEqual(['hold gear_out_of_park', 'hold unplugged', 'release gear_out_of_park', 'release unplugged']),
  );
});

test('in an emergency a car stops charging past its setpoints, and goes on at its turn', async () => {
  await publishProfile(6);
  const fleet = await start();
  const activity = () => fleet.hosts[0]?.conditions().activity;
  await eventually(() => expect(activity()).toBe('charging'));
  const client = await connect();
  const tell = (order: { issuedAtMs: number; endMs: number }): Promise<unknown> =>
    client.publishAsync(
      topics.shed(SPEC.vehicleId),
      JSON.stringify({ ...order, startMs: START_MS, resumeAtMs: order.endMs }),
      { qos: 1, retain: true },
    );
  await tell({ issuedAtMs: START_MS + 1, endMs: START_MS + 24 * 60 * MINUTE_MS });
  await eventually(() => expect(activity()).toBe('awake'));
  // Setpoints that come meanwhile change nothing.
  await publishProfile(7);
  await client.publishAsync(topics.shed(SPEC.vehicleId), '{"startMs":', { qos: 1 });
  expect(activity()).toBe('awake');
  await tell({ issuedAtMs: START_MS + 2, endMs: START_MS });
  await eventually(() => expect(activity()).toBe('charging'));
});

test('setpoints that nobody can read are ignored', async () => {
  await publishProfile(6);
  const fleet = await start();
  await eventually(() => expect(fleet.hosts[0]?.conditions().activity).toBe('charging'));
  const client = await connect();
  for (const payload of ['{"planId":', '{"planId":1}']) {
    await client.publishAsync(topics.setpoints(SPEC.vehicleId), payload, { qos: 1, retain: true });
  }
  await client.publishAsync(topics.setpoints(SPEC.vehicleId), '', { qos: 1, retain: true });
  await eventually(() => expect(fleet.hosts[0]?.conditions().activity).toBe('awake'));
});

test('what the agent draws is on the meter', async () => {
  const readings = await listen(topics.meter(SPEC.vehicleId));
  const fleet = await start();
  fleet.hosts[0]?.computeDraw(0.5);
  await eventually(() => expect(readings.length).toBeGreaterThan(2));
  const last = meterReadingSchema.parse(JSON.parse(readings.at(-1)?.payload ?? ''));
  expect(last.computeKwh).toBeCloseTo((0.5 * (last.atMs - START_MS)) / 3_600_000, 1);
});

test('a fleet whose process was killed lives through the time that it missed', async () => {
  await publishProfile(6);
  const first = await start();
  await eventually(() => expect(first.hosts[0]?.conditions().socPercent).toBeGreaterThan(51));
  // What a kill leaves behind: the file as it was in the middle of the run.
  const file = path.join(folder, 'fleet.json');
  const leftBehind = await readFile(file, 'utf8');
  first.stop();
  await fleets.pop()?.done;
  await writeFile(file, leftBehind);
  await writeFile(path.join(folder, 'left.json'), leftBehind);

  const heard = await listen(topics.connectivity('telemetry', SPEC.vehicleId));
  const readings = await listen(topics.meter(SPEC.vehicleId));
  const second = await start();
  await eventually(() => expect(second.hosts[0]?.conditions().atMs).toBeGreaterThan(START_MS + 15 * MINUTE_MS));
  const { atMs, socPercent } = second.hosts[0]?.conditions() ?? { atMs: 0, socPercent: 0 };
  const undisturbed = 50 + ((((atMs - START_MS) / 3_600_000) * 6 * 0.9) / 57.5) * 100;
  expect(socPercent).toBeGreaterThan(undisturbed - 1);
  expect(socPercent).toBeLessThanOrEqual(undisturbed);
  await eventually(() => expect(heard.filter(({ payload }) => payload.includes('"DISCONNECTED"'))).toHaveLength(1));
  // What was drawn until the kill is told as of then.
  const kept = (await loadFleet(path.join(folder, 'left.json'), 'test-night'))?.cars[SPEC.vehicleId]?.state;
  const told = readings.map(({ payload }) => meterReadingSchema.parse(JSON.parse(payload)));
  expect(told).toContainEqual({
    atMs: Math.floor(kept?.atMs ?? 0),
    chargingKwh: kept?.chargingKwh,
    computeKwh: kept?.computeKwh,
  });
});

test('what a car has drawn is stored before it is claimed, as often as it is claimed', async () => {
  const fleet = await start();
  const [car] = fleet.hosts;
  await eventually(() => expect(car?.conditions().awake).toBe(true));
  car?.computeDraw(0.5);
  const drawnKwh = async (): Promise<number> => {
    await Promise.all([fleet.saveRegister(SPEC.vehicleId), fleet.saveRegister(SPEC.vehicleId)]);
    const saved = await loadFleet(path.join(folder, 'fleet.json'), 'test-night');
    return saved?.cars[SPEC.vehicleId]?.state.computeKwh ?? Number.NaN;
  };
  let before = 0;
  for (let claim = 0; claim < 5; claim++) {
    const now = await drawnKwh();
    expect(now).toBeGreaterThan(before);
    before = now;
  }
});

test('a car that was awake before its process came up, and sleeps by then, is heard of all the same', async () => {
  const connections = await listen(topics.connectivity('telemetry', SPEC.vehicleId));
  const gears = await listen(topics.telemetryField('telemetry', SPEC.vehicleId, 'Gear'));
  const script = { ...PARKED, socPercentAtStart: SPEC.chargeLimitPercent };
  const late = { ...clock, originMs: START_MS + 60 * MINUTE_MS };
  await start({ cars: [{ spec: SPEC, script, weather: MILD }], clock: late });
  await eventually(() => expect(connections.at(-1)?.payload).toContain('"DISCONNECTED"'));
  expect(connections[0]?.payload).toContain('"CONNECTED"');
  expect(gears[0]?.payload).toBe('"ShiftStateP"');
});

test('a state file of another scenario is refused', async () => {
  const fleet = await start();
  await eventually(() => expect(fleet.hosts[0]?.conditions().atMs).toBeGreaterThan(START_MS));
  fleet.stop();
  await fleets.pop()?.done;
  await expect(SimulatedFleet.load(await options({ scenario: 'another' }))).rejects.toMatchObject({ code: 'conflict' });
});
