import { pino } from 'pino';
import { RPCClient } from 'ocpp-rpc';
import { afterEach, describe, expect, test } from 'vitest';
import {
  startCentralSystem,
  type CentralSystem,
  type CentralSystemOptions,
} from '../../../charging/ocpp/centralSystem.ts';
import type { PlugSession } from '../../../charging/ocpp/plugSession.ts';
import { UNKNOWN_CONNECTOR, type ConnectorState } from '../../../charging/ocpp/connector.ts';
import { REAL_TIME } from '../../../domain/clock.ts';
import { eventually } from '../../support/eventually.ts';
import { SELF_SIGNED } from '../../support/selfSigned.ts';

const LIMIT_MS = 10_000;
const PASSWORD = 'a password';
const SLOT_MS = 15 * 60_000;

let central: CentralSystem | undefined;
const clients: RPCClient[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close({ force: true })));
  await central?.close();
  central = undefined;
});

class SeenPlug {
  session: PlugSession | undefined;
  state: ConnectorState = UNKNOWN_CONNECTOR;
}

/** What of the first plug is most looked at, beside all of them. */
class Seen extends SeenPlug {
  readonly refused: string[] = [];
  readonly unknownPlugs: number[] = [];
  readonly second = new SeenPlug();
}

/** A central system that knows CP1, with as many plugs. */
async function startCentral(
  plugs: 1 | 2 = 1,
  options: Partial<Pick<CentralSystemOptions, 'connections' | 'tls'>> = {},
): Promise<Seen> {
  const seen = new Seen();
  const enrolled = [seen, seen.second].slice(0, plugs);
  central = await startCentralSystem(
    { host: '127.0.0.1', port: 0, ...options },
    {
      admit: async (id, password) =>
        id === 'CP1' && password?.toString() === PASSWORD
          ? {
              clock: REAL_TIME,
              now: Date.now,
              onUnknownPlug: (plug) => void seen.unknownPlugs.push(plug),
              plugs: new Map(
                enrolled.map((each, index) => [
                  index + 1,
                  {
                    state: each.state,
                    supply: { phases: 3, maxAmps: 16, metersCompute: true },
                    onState: (state) => void (each.state = state),
                    onSession: (session) => void (each.session = session),
                  },
                ]),
              ),
            }
          : undefined,
      onRefused: (id, why) => seen.refused.push(`${id}: ${why}`),
      log: pino({ level: 'silent' }),
    },
  );
  return seen;
}

type Answer = (params: Record<string, unknown>) => Record<string, unknown> | 'unsupported';

/** A charge point that keeps what it is told and answers each method as it likes; `Accepted` unless it says else. */
async function chargePoint(
  protocol: string,
  answers: Record<string, Answer> = {},
  password = PASSWORD,
  id = 'CP1',
  endpoint = central?.url,
) {
  const told: { method: string; params: Record<string, unknown> }[] = [];
  const client = new RPCClient({
    endpoint,
    identity: id,
    password,
    protocols: [protocol],
    strictMode: true,
    reconnect: false,
    wsOpts: { ca: SELF_SIGNED.cert },
  } as ConstructorParameters<typeof RPCClient>[0]);
  client.handle(async ({ method = '', params = {} }) => {
    told.push({ method, params });
    const answer = answers[method]?.(params) ?? acceptedFor(method, params);
    if (answer === 'unsupported') throw Object.assign(new Error('no'), { rpcErrorCode: 'NotSupported' });
    return answer;
  });
  clients.push(client);
  await client.connect();
  const profiles = (): Record<string, unknown>[] =>
    told
      .filter(({ method }) => method === 'SetChargingProfile')
      .map(({ params }) => (params['csChargingProfiles'] ?? params['chargingProfile']) as Record<string, unknown>);
  return { client, told, profiles };
}

function acceptedFor(method: string, params: Record<string, unknown>): Record<string, unknown> {
  if (method !== 'SetVariables') return { status: 'Accepted' };
  const data = params['setVariableData'] as { component: unknown; variable: unknown }[];
  return {
    setVariableResult: data.map(({ component, variable }) => ({ attributeStatus: 'Accepted', component, variable })),
  };
}

const plan = (kw: number) => {
  const nowMs = Date.now();
  return {
    planId: 'p',
    issuedAtMs: nowMs,
    intervals: [{ startMs: nowMs - 1000, endMs: nowMs + SLOT_MS, chargeKw: kw, computeKw: 0 }],
  };
};
const now = (): string => new Date().toISOString();
const hourAhead = (): string => new Date(Date.now() + 3_600_000).toISOString();
const isOwn = (params: Record<string, unknown>): boolean => JSON.stringify(params).includes('"TxProfile"');
const boot16 = { chargePointVendor: 'V', chargePointModel: 'M' };

describe('the central system', () => {
  test('refuses a charge point with 503 when as many are connected as may be', async () => {
    await startCentral(1, { connections: { max: 1, maxPerAddress: 1 } });
    await chargePoint('ocpp1.6');
    await expect(chargePoint('ocpp1.6')).rejects.toThrow(/503|Service Unavailable/);
  });

  test('serves OCPP 1.6: boot, fail-safe, a planned TxProfile, meter values, the end', async () => {
    const seen = await startCentral();
    const { client, told, profiles } = await chargePoint('ocpp1.6');
    expect(await client.call('BootNotification', boot16)).toMatchObject({ status: 'Accepted' });
    await client.call('StatusNotification', { connectorId: 1, errorCode: 'NoError', status: 'Preparing' });
    seen.session?.follow(plan(6.9));
    // Nobody has identified: it is started by us.
    await eventually(
      'a start',
      LIMIT_MS,
      async () => told.some(({ method }) => method === 'RemoteStartTransaction') || undefined,
    );
    const { transactionId } = (await client.call('StartTransaction', {
      connectorId: 1,
      idTag: 'nightshift',
      meterStart: 1000,
      timestamp: now(),
    })) as { transactionId: number };
    expect(profiles()[0]).toMatchObject({
      chargingProfilePurpose: 'TxDefaultProfile',
      chargingProfileKind: 'Relative',
    });
    const own = await eventually('a profile', LIMIT_MS, async () =>
      profiles().find((profile) => profile['chargingProfilePurpose'] === 'TxProfile'),
    );
    expect(own).toMatchObject({
      transactionId,
      chargingSchedule: { chargingSchedulePeriod: [{ startPeriod: 0, limit: 10 }] },
    });

    await client.call('MeterValues', {
      connectorId: 1,
      transactionId,
      meterValue: [
        {
          timestamp: now(),
          sampledValue: [{ value: '1400' }, { value: '6800', measurand: 'Power.Active.Import', unit: 'W' }],
        },
      ],
    });
    await client.call('StatusNotification', { connectorId: 1, errorCode: 'NoError', status: 'Charging' });
    expect(seen.state).toMatchObject({ plug: 'plugged', isCharging: true, powerKw: 6.8, totalWh: 400 });

    // Sent again, since the charge point did not hear the answer.
    const stop = { transactionId, meterStop: 1500, timestamp: now() };
    await client.call('StopTransaction', stop);
    await client.call('StopTransaction', stop);
    await client.call('StatusNotification', { connectorId: 1, errorCode: 'NoError', status: 'Available' });
    expect(seen.state).toMatchObject({ plug: 'unplugged', totalWh: 500, transaction: null });
  });

  test('takes an emergency to the charge point as 0 A', async () => {
    const seen = await startCentral();
    const { client, profiles } = await chargePoint('ocpp1.6');
    await client.call('BootNotification', boot16);
    await client.call('StartTransaction', { connectorId: 1, idTag: 'x', meterStart: 0, timestamp: now() });
    seen.session?.follow(plan(6.9));
    seen.session?.follow(plan(0));
    await eventually(
      '0 A',
      LIMIT_MS,
      async () => JSON.stringify(profiles().at(-1)).includes('"limit":0,') || undefined,
    );
  });

  test('gives a charge point that takes no TxProfile a default one, and one that takes none is stopped', async () => {
    const seen = await startCentral();
    const { client, told } = await chargePoint('ocpp1.6', {
      SetChargingProfile: (params) => (isOwn(params) ? { status: 'NotSupported' } : { status: 'Accepted' }),
    });
    await client.call('BootNotification', boot16);
    await client.call('StartTransaction', { connectorId: 1, idTag: 'x', meterStart: 0, timestamp: now() });
    seen.session?.follow(plan(6.9));
    await eventually('the default one', LIMIT_MS, async () => seen.session?.level === 'TxDefaultProfile' || undefined);
    await client.close({ force: true });

    const { client: other, told: toldOther } = await chargePoint('ocpp1.6', {
      SetChargingProfile: () => 'unsupported',
    });
    await other.call('BootNotification', boot16);
    await other.call('StartTransaction', { connectorId: 1, idTag: 'x', meterStart: 0, timestamp: now() });
    seen.session?.follow(plan(0));
    await eventually(
      'a stop',
      LIMIT_MS,
      async () => toldOther.some(({ method }) => method === 'RemoteStopTransaction') || undefined,
    );
    expect(told.some(({ method }) => method === 'RemoteStopTransaction')).toBe(false);
  });

  test('counts with the charge point’s own clock when that is off', async () => {
    const seen = await startCentral();
    const { client, profiles } = await chargePoint('ocpp1.6');
    await client.call('BootNotification', boot16);
    await client.call('StartTransaction', { connectorId: 1, idTag: 'x', meterStart: 0, timestamp: hourAhead() });
    seen.session?.follow(plan(6.9));
    const own = await eventually('a profile', LIMIT_MS, async () =>
      profiles().find((profile) => JSON.stringify(profile).includes('"limit":10')),
    );
    const { startSchedule } = own['chargingSchedule'] as { startSchedule: string };
    expect(Math.abs(Date.parse(startSchedule) - Date.now() - 3_600_000)).toBeLessThan(60_000);
  });

  test('serves OCPP 2.0.1', async () => {
    const seen = await startCentral();
    const { client, profiles } = await chargePoint('ocpp2.0.1');
    await client.call('BootNotification', { reason: 'PowerUp', chargingStation: { model: 'M', vendorName: 'V' } });
    await client.call('StatusNotification', {
      timestamp: now(),
      connectorStatus: 'Occupied',
      evseId: 1,
      connectorId: 1,
    });
    const event = (eventType: string, seqNo: number, wh: number, chargingState: string) =>
      client.call('TransactionEvent', {
        eventType,
        timestamp: now(),
        triggerReason: 'ChargingStateChanged',
        seqNo,
        transactionInfo: { transactionId: 'T-1', chargingState },
        evse: { id: 1, connectorId: 1 },
        meterValue: [{ timestamp: now(), sampledValue: [{ value: wh }] }],
      });
    await event('Started', 0, 5000, 'EVConnected');
    seen.session?.follow(plan(6.9));
    const own = await eventually('a profile', LIMIT_MS, async () =>
      profiles().find((profile) => JSON.stringify(profile).includes('"limit":10')),
    );
    expect(own).toMatchObject({
      transactionId: 'T-1',
      chargingSchedule: [{ chargingSchedulePeriod: [{ limit: 10 }] }],
    });
    await event('Updated', 1, 5600, 'Charging');
    // Asked for its status in between, it says no more than that it is occupied.
    await client.call('StatusNotification', {
      timestamp: now(),
      connectorStatus: 'Occupied',
      evseId: 1,
      connectorId: 1,
    });
    expect(seen.state).toMatchObject({ isCharging: true, totalWh: 600 });
    await event('Ended', 2, 5700, 'EVConnected');
    expect(seen.state).toMatchObject({ totalWh: 700, transaction: null, plug: 'plugged' });
  });

  test('serves two connectors of OCPP 1.6, each with its own plan, transaction and meter', async () => {
    const seen = await startCentral(2);
    const { client, told } = await chargePoint('ocpp1.6');
    await client.call('BootNotification', boot16);
    const begin = async (connectorId: number, meterStart: number) => {
      await client.call('StatusNotification', { connectorId, errorCode: 'NoError', status: 'Preparing' });
      const answer = await client.call('StartTransaction', { connectorId, idTag: 'x', meterStart, timestamp: now() });
      return (answer as { transactionId: number }).transactionId;
    };
    // Within one second: numbers must differ all the same.
    const [first, second] = [await begin(1, 1000), await begin(2, 5000)];
    expect(second).not.toBe(first);
    seen.session?.follow(plan(6.9));
    seen.second.session?.follow(plan(4.83));
    const profileOf = async (connectorId: number, amps: number) => {
      const { params } = await eventually(`a profile of ${connectorId}`, LIMIT_MS, async () =>
        told.find(
          (call) => call.params['connectorId'] === connectorId && JSON.stringify(call).includes(`"limit":${amps},`),
        ),
      );
      return params['csChargingProfiles'] as Record<string, unknown>;
    };
    const [own, other] = [await profileOf(1, 10), await profileOf(2, 7)];
    expect(own['transactionId']).toBe(first);
    expect(other['transactionId']).toBe(second);
    // One number for both would take the first plug's profile away.
    expect(other['chargingProfileId']).not.toBe(own['chargingProfileId']);

    await client.call('StopTransaction', { transactionId: second, meterStop: 5600, timestamp: now() });
    await client.call('StatusNotification', { connectorId: 2, errorCode: 'NoError', status: 'Available' });
    expect(seen.second.state).toMatchObject({ plug: 'unplugged', totalWh: 600, transaction: null });
    expect(seen.state).toMatchObject({ plug: 'plugged', totalWh: 0, transaction: { id: String(first) } });
  });

  test('serves two EVSEs of OCPP 2.0.1, also where later events leave out which', async () => {
    const seen = await startCentral(2);
    const { client, profiles } = await chargePoint('ocpp2.0.1');
    await client.call('BootNotification', { reason: 'PowerUp', chargingStation: { model: 'M', vendorName: 'V' } });
    const event = (eventType: string, id: number, seqNo: number, wh: number, named: boolean) =>
      client.call('TransactionEvent', {
        eventType,
        timestamp: now(),
        triggerReason: 'ChargingStateChanged',
        seqNo,
        transactionInfo: { transactionId: `T-${id}`, chargingState: 'Charging' },
        ...(named && { evse: { id, connectorId: 1 } }),
        meterValue: [{ timestamp: now(), sampledValue: [{ value: wh }] }],
      });
    await event('Started', 1, 0, 1000, true);
    await event('Started', 2, 0, 7000, true);
    seen.second.session?.follow(plan(6.9));
    await eventually('a profile of the second', LIMIT_MS, async () =>
      profiles().find(
        (profile) => profile['transactionId'] === 'T-2' && JSON.stringify(profile).includes('"limit":10'),
      ),
    );
    await event('Updated', 2, 1, 7300, false);
    await event('Ended', 2, 2, 7400, false);
    expect(seen.second.state).toMatchObject({ totalWh: 400, transaction: null });
    expect(seen.state).toMatchObject({ totalWh: 0, transaction: { id: 'T-1' } });
  });

  test('tells once of a plug that speaks and is not enrolled', async () => {
    const seen = await startCentral();
    const { client } = await chargePoint('ocpp1.6');
    await client.call('BootNotification', boot16);
    const status = { connectorId: 2, errorCode: 'NoError', status: 'Charging' };
    await client.call('StatusNotification', status);
    await client.call('StatusNotification', status);
    // The charge point as a whole is no plug.
    await client.call('StatusNotification', { connectorId: 0, errorCode: 'NoError', status: 'Available' });
    expect(seen.unknownPlugs).toEqual([2]);
    expect(seen.state.plug).toBe('unknown');
  });

  test('refuses strangers, wrong passwords, other paths and other protocols, and tells of them', async () => {
    const seen = await startCentral();
    await expect(chargePoint('ocpp1.6', {}, 'wrong')).rejects.toThrow();
    await expect(chargePoint('ocpp1.6', {}, PASSWORD, 'CP2')).rejects.toThrow();
    await expect(chargePoint('ocpp2.1')).rejects.toThrow();
    expect(seen.refused).toHaveLength(3);
    expect(seen.session).toBeUndefined();
  });

  test('serves security profile 2: passwords over TLS, and no line without it', async () => {
    const current = { certificate: Buffer.from(SELF_SIGNED.cert), key: Buffer.from(SELF_SIGNED.key) };
    const tls = { current, onRenewed: () => {} };
    const seen = await startCentral(1, { tls });
    const secure = central?.url ?? '';
    expect(secure).toMatch(/^wss:/);
    const { client } = await chargePoint('ocpp2.0.1');
    const station = { model: 'Hof', vendorName: 'Own' };
    expect(await client.call('BootNotification', { chargingStation: station, reason: 'PowerUp' })).toMatchObject({
      status: 'Accepted',
    });
    await expect(chargePoint('ocpp2.0.1', {}, 'wrong')).rejects.toThrow();
    expect(seen.refused).toEqual(['CP1: unknown, or the password is wrong']);
    await expect(chargePoint('ocpp2.0.1', {}, PASSWORD, 'CP1', secure.replace('wss:', 'ws:'))).rejects.toThrow();
  });

  test('answers junk with errors of the protocol, and goes on', async () => {
    const seen = await startCentral();
    const { client } = await chargePoint('ocpp1.6');
    client.sendRaw('not json');
    client.sendRaw('[2,"1","StatusNotification",{"connectorId":"one"}]');
    client.sendRaw('[2,"2","Explode",{}]');
    client.sendRaw('[9]');
    await client.call('StatusNotification', { connectorId: 1, errorCode: 'NoError', status: 'Preparing' });
    expect(seen.state.plug).toBe('plugged');
  });

  test('lets a charge point that connects again take its own place', async () => {
    const seen = await startCentral();
    const { client: first } = await chargePoint('ocpp1.6');
    await first.call('StatusNotification', { connectorId: 1, errorCode: 'NoError', status: 'Preparing' });
    const { client: second } = await chargePoint('ocpp1.6');
    await second.call('StatusNotification', { connectorId: 1, errorCode: 'NoError', status: 'Available' });
    expect(seen.state).toMatchObject({ online: true, plug: 'unplugged' });
  });
});
