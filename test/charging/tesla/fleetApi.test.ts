import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FleetApi } from '../../../charging/tesla/fleetApi.ts';
import { TokenKeeper, type AccountTokens } from '../../../charging/tesla/tokenKeeper.ts';
import { TeslaServer } from '../../support/teslaServer.ts';

const VIN = '5YJ3E1EA7JF000001';
let server: TeslaServer;
let stored: AccountTokens;
let nowMs: number;
let api: FleetApi;

beforeAll(async () => {
  server = new TeslaServer();
  await server.listen();
});
afterAll(() => server.close());
beforeEach(() => {
  server.calls.length = 0;
  server.next.clear();
  server.isAsleep = false;
  stored = { refreshToken: server.refreshToken, accessToken: null, expiresRealMs: 0 };
  nowMs = Date.now();
  const tokens = new TokenKeeper({
    tokenUrl: `${server.url}/oauth2/v3/token`,
    clientId: 'client',
    clientSecret: 'secret',
    load: async () => stored,
    save: async (next) => void (stored = next),
    now: () => nowMs,
  });
  api = new FleetApi({ apiUrl: server.url, commandUrl: server.url, tokens, now: () => nowMs });
});

const start = () => api.ask(VIN, { command: 'charge_start' });
/** With a token that is good, so that the next answers are of the command. */
const withToken = async () => void (await start());

describe('tokens', () => {
  test('are exchanged once for many requests, and the next refresh token is stored', async () => {
    const before = server.exchanges;
    await Promise.all([start(), start(), start()]);
    expect(server.exchanges).toBe(before + 1);
    expect(stored).toMatchObject({ refreshToken: server.refreshToken, accessToken: server.accessToken });
    nowMs += 7 * 3_600_000;
    await start();
    expect(server.exchanges).toBe(before + 1);
    // Five minutes before its end it is renewed.
    nowMs += 3_400_000;
    await start();
    expect(server.exchanges).toBe(before + 2);
    expect(stored.refreshToken).toBe(server.refreshToken);
  });

  test('that are taken back before their time are renewed, and the request goes on', async () => {
    await withToken();
    server.accessToken = 'taken back';
    expect(await start()).toMatchObject({ kind: 'done' });
  });

  test('that are refused for good say what the owner has to do', async () => {
    stored = { ...stored, refreshToken: 'used up' };
    const answer = await start();
    expect(answer).toMatchObject({ kind: 'no_access', reason: expect.stringContaining('login_required') });
    expect(JSON.stringify(answer)).toContain('link the account anew');
  });

  test('whose server does not answer are asked for later', async () => {
    const tokens = new TokenKeeper({
      tokenUrl: 'http://127.0.0.1:1/token',
      clientId: 'client',
      clientSecret: undefined,
      load: async () => stored,
      save: async () => {},
      now: () => nowMs,
    });
    api = new FleetApi({ apiUrl: server.url, commandUrl: server.url, tokens, now: () => nowMs });
    expect(await start()).toMatchObject({ kind: 'later' });
  });
});

describe('answers', () => {
  test('go to the proxy where they have to be signed, and else to the API', async () => {
    const proxy = new TeslaServer();
    await proxy.listen();
    const tokens = { access: async () => 'token' };
    server.accessToken = 'token';
    proxy.accessToken = 'token';
    const split = new FleetApi({ apiUrl: server.url, commandUrl: proxy.url, tokens, now: () => nowMs });
    await split.ask(VIN, { command: 'charge_stop' });
    await split.ask(VIN, { telemetry: { vins: [VIN], config: {} } });
    await split.ask(VIN, { wake: true });
    await split.ask(VIN, { readTelemetry: true });
    await proxy.close();
    expect(proxy.calls.map(({ path }) => path)).toEqual([
      `/api/1/vehicles/${VIN}/command/charge_stop`,
      '/api/1/vehicles/fleet_telemetry_config',
    ]);
    expect(server.calls.map(({ path }) => path)).toEqual([
      `/api/1/vehicles/${VIN}/wake_up`,
      `/api/1/vehicles/${VIN}/fleet_telemetry_config`,
    ]);
  });

  test.each([
    [{ response: { result: false, reason: 'is_charging' } }, { kind: 'done' }],
    [
      { response: { result: false, reason: 'disconnected' } },
      { kind: 'refused', reason: 'charge_start: disconnected' },
    ],
    // As the proxy names the reason of a car.
    [{ response: { result: false, string: 'car could not execute command: is_charging' } }, { kind: 'done' }],
    [{ response: 'odd' }, { kind: 'refused' }],
  ])('of a car: %j', async (body, expected) => {
    await withToken();
    server.answerNext('charge_start', { status: 200, body });
    expect(await start()).toMatchObject(expected);
  });

  test.each([
    [402, /billing limit/],
    [403, /vehicle_cmds/],
    [404, /does not have this car/],
    [412, /partner_accounts/],
    [421, /tesla.apiUrl/],
  ])('%s is for a person to mend, and says how', async (status, mend) => {
    await withToken();
    const body = { response: null, error: 'said by the server' };
    // fetch asks once more when it is misdirected.
    server.answerNext('charge_start', { status, body }, { status, body });
    const answer = await start();
    expect(answer).toMatchObject({ kind: 'no_access', reason: expect.stringMatching(mend) });
    expect(JSON.stringify(answer)).toContain('said by the server');
  });

  test('a key that is not paired is told apart from an outage, which it comes as', async () => {
    await withToken();
    const error = 'vehicle rejected request: your public key has not been paired with the vehicle';
    server.answerNext('charge_start', { status: 500, body: { response: null, error, error_description: '' } });
    expect(await start()).toMatchObject({ kind: 'no_access', reason: expect.stringContaining('virtual key') });
  });

  test('a car that sleeps is told apart', async () => {
    await withToken();
    server.isAsleep = true;
    expect(await start()).toEqual({ kind: 'asleep' });
    expect(await api.ask(VIN, { wake: true })).toMatchObject({ kind: 'done' });
    expect(await start()).toMatchObject({ kind: 'done' });
  });

  test.each([
    [{ 'retry-after': '17' }, 17_000],
    [{ 'ratelimit-reset': '42' }, 42_000],
    // The proxy drops what the server said.
    [{}, 60_000],
    [{ 'retry-after': '1e9' }, 3_600_000],
    [{ 'retry-after': 'soon' }, 60_000],
  ])('too many requests wait as long as is said: %j', async (headers, waitMs) => {
    await withToken();
    server.answerNext('charge_start', { status: 429, headers });
    expect(await start()).toMatchObject({ kind: 'later', untilRealMs: nowMs + waitMs });
  });

  test.each([500, 503, 504, 540])('%s is an outage, to be tried again', async (status) => {
    await withToken();
    server.answerNext('charge_start', { status });
    expect(await start()).toMatchObject({ kind: 'later' });
  });
});
