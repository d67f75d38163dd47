import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { judgeWish, type ChargeControlPort, type SentWish } from '../../charging/chargeControl.ts';
import { simulatedChargeControl } from '../../charging/simulatedChargeControl.ts';
import { teslaChargeControl } from '../../charging/teslaChargeControl.ts';
import { setpointProfileSchema } from '../../domain/setpoints.ts';
import { HOUR_MS, MINUTE_MS, SPEC, START_MS, testCar } from '../simulator/cars.ts';

interface Call {
  readonly path: string;
  readonly body: unknown;
  readonly authorization: string | undefined;
}

const calls: Call[] = [];
/** What the loopback server answers to a command; else that it worked. */
const answers = new Map<string, { status: number; body: unknown }>();
let server: Server;
let tesla: ReturnType<typeof teslaChargeControl>;

beforeAll(async () => {
  server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const path = request.url ?? '';
      calls.push({ path, body: JSON.parse(text || '{}'), authorization: request.headers.authorization });
      const known = answers.get(path.split('/').at(-1) ?? '');
      response.writeHead(known?.status ?? 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(known?.body ?? { response: { result: true, reason: '' } }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  tesla = teslaChargeControl({
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: async () => 'token',
    supplyOf: () => ({ phases: 3, maxAmps: 16 }),
  });
});
beforeEach(() => {
  calls.length = 0;
  answers.clear();
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const commands = (): string[] => calls.map(({ path, body }) => `${path.split('/').at(-1)} ${JSON.stringify(body)}`);

describe('the Tesla Fleet API command form', () => {
  test('limit and amps before the start, a power between two amps rounded down', async () => {
    expect(await tesla.apply('VIN1', { chargeKw: 7.5, limitPercent: 80 })).toEqual({ accepted: true });
    expect(commands()).toEqual([
      'set_charge_limit {"percent":80}',
      'set_charging_amps {"charging_amps":10}',
      'charge_start {}',
    ]);
    expect(calls[0]).toMatchObject({
      path: '/api/1/vehicles/VIN1/command/set_charge_limit',
      authorization: 'Bearer token',
    });
  });

  test.each([
    [0, ['charge_stop {}']],
    // Five amps are below what a car draws from.
    [4, ['charge_stop {}']],
    [50, ['set_charge_limit {"percent":80}', 'set_charging_amps {"charging_amps":16}', 'charge_start {}']],
  ])('%s kW', async (chargeKw, expected) => {
    await tesla.apply('VIN1', { chargeKw, limitPercent: 80 });
    expect(commands()).toEqual(expected);
  });

  test('a car that does it already has accepted; one that refuses says why, and is told nothing more', async () => {
    answers.set('charge_start', { status: 200, body: { response: { result: false, reason: 'is_charging' } } });
    expect(await tesla.apply('VIN1', { chargeKw: 7, limitPercent: 80 })).toEqual({ accepted: true });
    calls.length = 0;
    answers.set('set_charging_amps', { status: 200, body: { response: { result: false, reason: 'disconnected' } } });
    expect(await tesla.apply('VIN1', { chargeKw: 7, limitPercent: 80 })).toEqual({
      accepted: false,
      reason: 'disconnected',
    });
    expect(commands()).toHaveLength(2);
  });

  test('a sleeping car is told apart, and can be woken', async () => {
    answers.set('charge_stop', { status: 408, body: { error: 'vehicle unavailable' } });
    expect(await tesla.apply('VIN1', { chargeKw: 0, limitPercent: 80 })).toEqual({ accepted: false, reason: 'asleep' });
    expect(await tesla.wake('VIN1')).toEqual({ accepted: true });
    expect(calls.at(-1)?.path).toBe('/api/1/vehicles/VIN1/wake_up');
  });

  test.each([429, 500, 503])('%s is an outage, to be tried again', async (status) => {
    answers.set('charge_stop', { status, body: {} });
    await expect(tesla.apply('VIN1', { chargeKw: 0, limitPercent: 80 })).rejects.toMatchObject({ code: 'unavailable' });
  });
});

test('the simulated car follows the same port by its setpoint profile', async () => {
  const car = testCar();
  const port: ChargeControlPort = simulatedChargeControl({
    link: {
      publish: async (_, payload) => car.follow(setpointProfileSchema.parse(payload)),
      withdraw: async () => car.follow(null),
    },
    gridNowMs: () => car.state.atMs,
    holdsForMs: HOUR_MS,
  });
  await port.apply(SPEC.vehicleId, { chargeKw: 7, limitPercent: 80 });
  expect(car.chargingKw).toBe(7);
  car.advanceTo(START_MS + MINUTE_MS);
  await port.apply(SPEC.vehicleId, { chargeKw: 0, limitPercent: 80 });
  expect(car.chargingKw).toBe(0);
});

const sent = (chargeKw: number, attempts = 1): SentWish => ({
  wish: { chargeKw, limitPercent: 80 },
  sentAtMs: START_MS,
  attempts,
});
const after = (minutes: number): number => START_MS + minutes * MINUTE_MS;

describe('confirmation by telemetry', () => {
  test.each([
    ['it charges', 7, 6.9, 1, 'confirmed'],
    ['it tapers', 7, 2, 1, 'confirmed'],
    ['it has stopped', 0, 0, 1, 'confirmed'],
    ['it does not charge yet', 7, 0, 2, 'waiting'],
    ['it does not charge', 7, 0, 3, 'retry'],
    ['it draws more than it was given', 3, 7, 3, 'retry'],
    ['it does not stop', 0, 7, 3, 'retry'],
  ])('%s', (_, wantedKw, drawnKw, minutes, kind) => {
    expect(judgeWish(sent(wantedKw), { chargeKw: drawnKw, atMs: after(minutes) }, after(minutes)).kind).toBe(kind);
  });

  test('what was said before the command confirms nothing', () => {
    expect(judgeWish(sent(7), { chargeKw: 7, atMs: START_MS - 1 }, after(1)).kind).toBe('waiting');
  });

  test('each attempt waits twice as long, and the third without effect is reported with both figures', () => {
    const fact = { chargeKw: 0, atMs: after(1) };
    expect(judgeWish(sent(7, 2), fact, after(5)).kind).toBe('waiting');
    expect(judgeWish(sent(7, 2), fact, after(6)).kind).toBe('retry');
    expect(judgeWish(sent(7, 3), fact, after(12))).toEqual({ kind: 'refused', value: 0, limit: 7 });
  });
});
