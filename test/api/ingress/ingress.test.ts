import { connectAsync, type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { startIngress, type Ingress } from '../../../api/ingress/ingress.ts';
import type { SessionStarter } from '../../../api/ingress/sessionKeeper.ts';
import type { Broker } from '../../../api/mqtt/broker.ts';
import { openBroker } from '../../support/openBroker.ts';
import { carReason } from '../../../domain/claims.ts';
import { gridTimeMs } from '../../../domain/clock.ts';
import { HOUR_MS } from '../../../domain/durations.ts';
import { NightshiftError } from '../../../domain/errors.ts';
import { TELEMETRY_BASE, topics } from '../../../domain/names.ts';
import { readJournal, type StoredJournalLine } from '../../../store/journal.ts';
import { listMeterIntervals } from '../../../store/meters.ts';
import { readParkingSession } from '../../../store/parkingSessions.ts';
import { listTransitions, updateClaims } from '../../../store/vehicleClaims.ts';
import { enrolVehicle } from '../../../store/vehicles.ts';
import { readVehicleState, type VehicleState } from '../../../store/vehicleStates.ts';
import { CELL, enrolFleet, testVehicle } from '../../support/fleetFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';

const warnings: string[] = [];
const logger = pino({ level: 'warn' }, { write: (line) => void warnings.push(line) });
const { database } = useTestDatabase();

let broker: Broker;
let car: MqttClient;
let ours: MqttClient;
let ingress: Ingress | undefined;
let clockOffsetMs = 0;
const now = (): number => Date.now() + clockOffsetMs;

/** Stands for Temporal: remembers what it was told, and can be away. */
const temporal = {
  available: true,
  log: [] as string[],
  tell: async (what: string): Promise<void> => {
    if (!temporal.available) throw new NightshiftError('unavailable', 'Temporal is away.');
    temporal.log.push(what);
  },
};
const sessions: SessionStarter = {
  start: ({ vehicleId, stay }) => temporal.tell(`start ${vehicleId}/${stay}`),
  unplugged: ({ vehicleId, stay }, { reason }) => temporal.tell(`unplugged ${vehicleId}/${stay}: ${reason}`),
};

beforeAll(async () => {
  await enrolFleet(database, [
    'arriving',
    'sleepy',
    'restarted',
    'delayed',
    'metered',
    'kept',
    'outage',
    'claimed',
    'poison',
    'beside',
    'answering',
  ]);
  broker = await openBroker(logger);
  [car, ours] = await Promise.all([connectAsync(broker.url), connectAsync(broker.url)]);
});
beforeEach(async () => {
  temporal.available = true;
  temporal.log = [];
  await listen();
});
afterEach(async () => {
  await ingress?.close();
  ingress = undefined;
});
afterAll(async () => {
  await Promise.all([car.endAsync(), ours.endAsync()]);
  await broker.close();
});

async function listen(): Promise<Ingress> {
  const ports = { database, cell: CELL, mqtt: ours, telemetryBase: TELEMETRY_BASE, sessions, logger, now };
  ingress = await startIngress(ports);
  await ingress.subscribed;
  return ingress;
}

/** As the telemetry server publishes: one message a field. */
async function send(vin: string, fields: Record<string, unknown>, retain = false): Promise<void> {
  for (const [name, value] of Object.entries(fields)) {
    await car.publishAsync(topics.telemetryField(TELEMETRY_BASE, vin, name), JSON.stringify(value), { qos: 1, retain });
  }
}

async function connectivity(vin: string, Status: string, ConnectionId = 'a'): Promise<void> {
  const payload = JSON.stringify({ ConnectionId, Status, CreatedAt: '2026-01-10T18:00:00Z' });
  await car.publishAsync(topics.connectivity(TELEMETRY_BASE, vin), payload, { qos: 1 });
}

const sendReading = (atMs: number, chargingKwh: number, computeKwh: number): Promise<unknown> =>
  car.publishAsync(topics.meter('metered'), JSON.stringify({ atMs, chargingKwh, computeKwh }), { qos: 1 });

const plugIn = (vin: string): Promise<void> =>
  send(vin, {
    Gear: 'ShiftStateP',
    DetailedChargeState: 'DetailedChargeStateStarting',
    ChargePortLatch: 'Engaged',
    BatteryLevel: '41.5',
  });
const drive = (vin: string): Promise<void> =>
  send(vin, { DetailedChargeState: 'DetailedChargeStateDisconnected', Gear: 'D', VehicleSpeed: 28 });

const stateOf = (vin: string): Promise<VehicleState | undefined> => readVehicleState(database, vin);
const linesOf = async (vin: string): Promise<StoredJournalLine[]> =>
  (await readJournal(database, CELL.id, 0, 1_000)).filter(({ subject }) => subject === vin);

test('an arrival opens a stay and starts its session; a departure ends both, with reasons', async () => {
  await plugIn('arriving');
  await expect.poll(() => temporal.log).toEqual(['start arriving/1']);
  expect(await stateOf('arriving')).toMatchObject({ pluggedIn: true, socPercent: 41.5 });
  const session = await readParkingSession(database, 'arriving', 1);
  expect(session).toMatchObject({ targetSocPercent: 80, unpluggedAtMs: null });
  expect(new Date(session?.readyByMs ?? 0).toLocaleTimeString('de', { timeZone: 'Europe/Oslo' })).toBe('07:30:00');

  await drive('arriving');
  const reason = 'DetailedChargeState is Disconnected and Gear is D';
  await expect.poll(() => temporal.log).toEqual(['start arriving/1', `unplugged arriving/1: ${reason}`]);
  await expect
    .poll(async () => (await readParkingSession(database, 'arriving', 1))?.unpluggedAtMs)
    .toBeTypeOf('number');
  expect(await stateOf('arriving')).toMatchObject({ pluggedIn: false });
  expect(await linesOf('arriving')).toMatchObject([
    { kind: 'fallback', message: expect.stringContaining('may be leaving') },
    {
      kind: 'unplugged',
      message: `Car arriving is unplugged: ${reason}`,
      reasons: [{ code: 'telemetry_DetailedChargeState' }, { code: 'telemetry_Gear' }],
    },
  ]);

  await plugIn('arriving');
  await expect.poll(() => temporal.log.at(-1)).toBe('start arriving/2');
});

test('a car that is plugged in elsewhere is not here; of its position only that is kept', async () => {
  const site = { latitude: 59.91, longitude: 10.75, radiusMeters: 150 };
  await enrolVehicle(database, { ...testVehicle('placed'), site });
  await ingress?.close();
  await listen();
  // Its home is elsewhere; the plug here is at work.
  await send('placed', { LocatedAtHome: false, Location: { latitude: 59.95, longitude: 10.75 } });
  await plugIn('placed');
  await expect.poll(async () => (await stateOf('placed'))?.socPercent).toBe(41.5);
  expect(await stateOf('placed')).toMatchObject({ pluggedIn: false });
  expect(temporal.log).not.toContain('start placed/1');
  await send('placed', { Location: { latitude: 59.9105, longitude: 10.75 } });
  await expect.poll(() => temporal.log).toContain('start placed/1');
  expect(JSON.stringify(await stateOf('placed'))).not.toContain('59.9');
});

test('a plugged car that sleeps and wakes is told of once each', async () => {
  await connectivity('sleepy', 'CONNECTED');
  await plugIn('sleepy');
  await expect.poll(() => stateOf('sleepy')).toMatchObject({ pluggedIn: true, online: true });
  await connectivity('sleepy', 'DISCONNECTED');
  await connectivity('sleepy', 'DISCONNECTED');
  // The clock goes on only once the message is there.
  await expect.poll(async () => (await stateOf('sleepy'))?.fused).toMatchObject({ connectionIds: [] });
  clockOffsetMs += 6_000;
  await expect.poll(() => stateOf('sleepy'), { timeout: 5_000 }).toMatchObject({ pluggedIn: true, online: false });
  await connectivity('sleepy', 'CONNECTED', 'b');
  await connectivity('sleepy', 'CONNECTED', 'b');
  await expect.poll(() => stateOf('sleepy')).toMatchObject({ online: true });
  const lines = (await linesOf('sleepy')).filter(({ kind }) => kind === 'asleep' || kind === 'woken');
  expect(lines.map(({ message }) => message)).toEqual([
    'Car sleepy sleeps or has no coverage: its connection was closed',
    'Car sleepy is online',
  ]);
});

test('cars that are not enrolled are counted and nothing else; so is what cannot be read', async () => {
  await plugIn('stranger');
  await car.publishAsync(topics.connectivity(TELEMETRY_BASE, 'sleepy'), '{', { qos: 1 });
  await car.publishAsync(topics.meter('sleepy'), '{"atMs":1}', { qos: 1 });
  await send('sleepy', { SentryMode: 'SentryModeStateArmed' });
  await expect.poll(() => ingress?.counts()).toMatchObject({ messages: 7, unknownVehicle: 4, unreadable: 2 });
  expect(await stateOf('stranger')).toBeUndefined();
});

test('a car that is enrolled while we listen is heard', async () => {
  await enrolFleet(database, ['late']);
  await plugIn('late');
  clockOffsetMs += 3_000;
  await expect
    .poll(
      async () => {
        await plugIn('late');
        return (await stateOf('late'))?.pluggedIn;
      },
      { timeout: 5_000 },
    )
    .toBe(true);
});

test('a restart keeps stays and open connections, and asks again for what it may not have started', async () => {
  await connectivity('restarted', 'CONNECTED', 'old');
  await plugIn('restarted');
  await expect.poll(() => temporal.log).toContain('start restarted/1');
  await ingress?.close();
  temporal.log = [];
  await listen();
  await expect.poll(() => temporal.log).toContain('start restarted/1');
  await connectivity('restarted', 'CONNECTED', 'new');
  await connectivity('restarted', 'DISCONNECTED', 'old');
  await expect.poll(async () => (await stateOf('restarted'))?.fused).toMatchObject({ connectionIds: ['new'] });
  expect(await stateOf('restarted')).toMatchObject({ pluggedIn: true, online: true });
});

test('what the broker kept starts nothing', async () => {
  await ingress?.close();
  const all = { Gear: 'P', DetailedChargeState: 'Charging', ChargePortLatch: 'Engaged', BatteryLevel: 50 };
  await send('kept', all, true);
  const late = await connectAsync(broker.url);
  ingress = await startIngress({
    database,
    cell: CELL,
    mqtt: late,
    telemetryBase: TELEMETRY_BASE,
    sessions,
    logger,
    now,
  });
  await ingress.subscribed;
  await expect.poll(() => stateOf('kept')).toMatchObject({ socPercent: 50, pluggedIn: false });
  await send('kept', { DetailedChargeState: 'Charging' });
  await send('kept', { ChargePortLatch: 'Engaged' });
  await expect.poll(() => temporal.log).toContain('start kept/1');
  await ingress.close();
  await late.endAsync();
});

test('while Temporal is away, arrivals and departures wait in order', async () => {
  temporal.available = false;
  await plugIn('delayed');
  await expect.poll(() => stateOf('delayed')).toMatchObject({ pluggedIn: true });
  await drive('delayed');
  await expect.poll(() => stateOf('delayed')).toMatchObject({ pluggedIn: false });
  await plugIn('delayed');
  await expect.poll(() => stateOf('delayed')).toMatchObject({ pluggedIn: true });
  expect(temporal.log).toEqual([]);
  temporal.available = true;
  await expect
    .poll(() => temporal.log.filter((line) => line.includes('delayed')), { timeout: 5_000 })
    .toEqual([
      'start delayed/1',
      'unplugged delayed/1: DetailedChargeState is Disconnected and Gear is D',
      'start delayed/2',
    ]);
});

test('while PostgreSQL refuses, nothing is lost', async () => {
  await database.query('alter table vehicle_states rename to vehicle_states_away');
  await plugIn('outage');
  await expect.poll(() => ingress?.counts().messages).toBe(4);
  await expect.poll(() => warnings.join('')).toContain('telemetry could not be stored');
  await database.query('alter table vehicle_states_away rename to vehicle_states');
  await expect.poll(() => temporal.log).toContain('start outage/1');
  expect(await stateOf('outage')).toMatchObject({ pluggedIn: true });
});

test('meter readings become energy by slot; a reading of another time is refused', async () => {
  const slotMs = CELL.slotMinutes * 60_000;
  const slotStartMs = Math.floor(now() / slotMs) * slotMs - 10 * slotMs;
  await sendReading(slotStartMs - 1, 10, 5);
  await sendReading(slotStartMs + slotMs - 1, 12, 6);
  await sendReading(slotStartMs + slotMs - 1, 12, 6);
  await sendReading(slotStartMs + 40 * slotMs, 99, 99);
  const window = { startMs: slotStartMs, endMs: slotStartMs + slotMs };
  await expect.poll(() => listMeterIntervals(database, CELL.id, window)).toHaveLength(1);
  const [interval] = await listMeterIntervals(database, CELL.id, window);
  expect(interval?.chargingKwh).toBeCloseTo(2, 4);
  expect(interval?.computeKwh).toBeCloseTo(1, 4);
  expect(ingress?.counts().unreadable).toBe(1);
});

test('what telemetry says of a car is kept as transitions, beside what its owner wants', async () => {
  const seen = async (): Promise<unknown> =>
    (await listTransitions(database, 'claimed', 10)).map(({ state, heldBy, reasons }) => [
      state,
      heldBy,
      reasons.map(({ code }) => code),
    ]);
  await updateClaims(database, [
    {
      vehicleId: 'claimed',
      atMs: 1,
      source: 'policy',
      reasons: [carReason('policy', 'owner_now', 'owner_opted_out')],
    },
  ]);
  await connectivity('claimed', 'CONNECTED');
  await plugIn('claimed');
  await expect.poll(async () => (await stateOf('claimed'))?.pluggedIn).toBe(true);
  await expect.poll(seen).toContainEqual(['waiting', 'owner_now', ['owner_opted_out']]);
  await send('claimed', { Gear: 'D' });
  await expect.poll(seen).toContainEqual(['leaving', 'safety', ['may_be_leaving', 'owner_opted_out']]);
  await send('claimed', { ChargePortLatch: 'Disengaged' });
  await expect.poll(seen).toContainEqual(['away', 'safety', ['away', 'owner_opted_out']]);
});

test('a retained message with a text that cannot be stored is left out, each time that it comes', async () => {
  const topic = topics.connectivity(TELEMETRY_BASE, 'poison');
  await car.publishAsync(topic, JSON.stringify({ ConnectionId: 'a\0b', Status: 'CONNECTED' }), {
    qos: 1,
    retain: true,
  });
  await ingress?.close();
  const late = await connectAsync(broker.url);
  const again = await startIngress({
    database,
    cell: CELL,
    mqtt: late,
    telemetryBase: TELEMETRY_BASE,
    sessions,
    logger,
    now,
  });
  ingress = again;
  await expect.poll(() => again.counts().unreadable).toBe(1);
  await plugIn('beside');
  await expect.poll(async () => (await stateOf('beside'))?.pluggedIn).toBe(true);
  await again.close();
  await late.endAsync();
  await car.publishAsync(topic, '', { qos: 1, retain: true });
});

const heard = async (): Promise<number> =>
  (await database.query(`select 1 from heard_hours where vehicle_id = 'answering'`)).length;
const answer = (issuedAtMs: unknown): Promise<unknown> =>
  car.publishAsync(topics.answered('answering'), JSON.stringify({ issuedAtMs }), { qos: 1 });

test('hours in which a car answers its setpoints are kept, and neither telemetry nor answers to old ones make one', async () => {
  const gridNowMs = Math.round(gridTimeMs(CELL.clock, now()));
  await plugIn('answering');
  await answer(gridNowMs - 2 * HOUR_MS);
  await answer('now');
  await expect.poll(async () => (await stateOf('answering'))?.pluggedIn).toBe(true);
  expect(await heard()).toBe(0);
  await answer(gridNowMs);
  await expect.poll(heard).toBe(1);
});
