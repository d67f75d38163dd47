import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiClient } from '../../api/client/apiClient.ts';
import { HOUR_MS } from '../../domain/durations.ts';
import type { OwnerStatement } from '../../activities/settlement/statement.ts';
import { loadConfig } from '../../config/config.ts';
import { apiKeyOf } from '../../worker/process/apiKey.ts';
import { brokerUrlOf } from '../../worker/process/brokerUrl.ts';
import { eventually } from '../support/eventually.ts';
import { TeslaServer } from '../support/teslaServer.ts';
import { TestChargePoint } from './support/chargePoint.ts';
import { freePorts } from '../support/freePorts.ts';

/** At real time: what the cars' owners see must not wait for a slot to end. */
const LIMIT_MS = 60_000;
const CAR = 'PLUGGEDCAR';
const TESLA = '5YJ3E1EA7JF000001';
const PLUG = 2;
const METER_START_KWH = 4;

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

let folder: string;
let stack: ChildProcess;
let api: ApiClient;
let mqtt: MqttClient;
let tesla: TeslaServer;
let point: TestChargePoint;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-charging-'));
  tesla = new TeslaServer();
  await tesla.listen();
  await writeFile(join(folder, 'signals.json'), JSON.stringify(signals()));
  await writeFile(join(folder, 'cell.yaml'), JSON.stringify(cellFile()));
  await writeFile(join(folder, 'ca.pem'), 'the authority of the telemetry server');
  const [temporal, ui, postgres, mqttPort, apiPort, gateway, ocpp] = await freePorts(7);
  const env = {
    ...process.env,
    NIGHTSHIFT_STATE_DIR: join(folder, 'state'),
    NIGHTSHIFT_TEMPORAL_PORT: String(temporal),
    NIGHTSHIFT_TEMPORAL_UI_PORT: String(ui),
    NIGHTSHIFT_POSTGRES_PORT: String(postgres),
    NIGHTSHIFT_MQTT_PORT: String(mqttPort),
    NIGHTSHIFT_API_PORT: String(apiPort),
    NIGHTSHIFT_GATEWAY_PORT: String(gateway),
    NIGHTSHIFT_OCPP_PORT: String(ocpp),
    NIGHTSHIFT_TESLA_API_URL: tesla.url,
    NIGHTSHIFT_TESLA_TOKEN_URL: `${tesla.url}/oauth2/v3/token`,
    NIGHTSHIFT_TESLA_CLIENT_ID: 'client',
    NIGHTSHIFT_TESLA_TELEMETRY_HOST: 'telemetry.example',
    NIGHTSHIFT_TESLA_TELEMETRY_CA_FILE: join(folder, 'ca.pem'),
    TEMPORAL_ADDRESS: '',
    DATABASE_URL: '',
  };
  stack = spawn(process.execPath, [MAIN, 'stack', 'cell.yaml'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // It says where it is once everything has started.
  if (stack.stdout) await once(stack.stdout, 'data');
  const config = loadConfig({ cwd: folder, env });
  api = new ApiClient(`http://127.0.0.1:${apiPort}`, apiKeyOf(config));
  mqtt = connect(brokerUrlOf(config), { protocolVersion: 4 });
  const { password } = (await api.json('PUT', '/fleet/v1/chargers/CP1', {
    feeder: 'garage',
    car: CAR,
    plug: PLUG,
  })) as { password: string };
  point = await TestChargePoint.connect(`ws://127.0.0.1:${ocpp}/ocpp`, 'CP1', password, PLUG);
  await api.json('PUT', '/fleet/v1/tesla/accounts/ada', { refresh_token: tesla.refreshToken });
  await api.json('PUT', `/fleet/v1/tesla/cars/${TESLA}`, { account: 'ada' });
});

afterAll(async () => {
  await point?.close();
  await mqtt?.endAsync();
  if (stack?.exitCode === null) {
    stack.kill('SIGINT');
    await once(stack, 'exit');
  }
  await tesla?.close();
  await rm(folder, { recursive: true, force: true });
});

test(
  'a car at a charger: plan, profile, a killed process, emergency, recovery, and a statement that equals the meter',
  { timeout: 240_000 },
  async () => {
    await point.plug();
    await eventually('it is started', LIMIT_MS, async () => point.isCharging || undefined);
    // Nobody knows its state of charge, so that it counts as empty and charges at once, with all that its feeder has.
    await eventually('it charges by the plan', LIMIT_MS, async () => point.amps > 6 || undefined);
    expect(point.amps).toBeLessThanOrEqual(16);
    const startWh = point.meterWh;
    await point.draw(0.1);

    const killed = await pidOf('charging');
    process.kill(killed, 'SIGKILL');
    await eventually('another process is there', LIMIT_MS, async () =>
      (await pidOf('charging')) === killed ? undefined : true,
    );
    await point.draw(0.1);

    await api.json('POST', '/grid/v1/regions/de-berlin/emergency', {
      reason: 'a fire at the substation',
      until: new Date(Date.now() + HOUR_MS).toISOString(),
      feeders: ['garage'],
    });
    await eventually('0 A', LIMIT_MS, async () => point.amps === 0 || undefined);
    const inEmergencyWh = point.meterWh;
    await point.draw(0.5);
    expect(point.meterWh).toBe(inEmergencyWh);
    await api.json('DELETE', '/grid/v1/regions/de-berlin/emergency');
    await eventually('it charges again', LIMIT_MS, async () => point.amps > 6 || undefined);
    await point.draw(0.2);

    await point.unplug();
    const statement = await settled(CAR);
    expect(statement.chargingKwh).toBeCloseTo((point.meterWh - startWh) / 1000, 2);
    expect(statement.chargingKwh).toBeGreaterThan(2);
    expect((await charger()).charging_kwh).toBeCloseTo(statement.chargingKwh, 2);
  },
);

test(
  'a Tesla at an ordinary plug: telemetry is configured, it is woken, told, stopped for the grid, and paid by its meter',
  { timeout: 240_000 },
  async () => {
    await eventually('it is configured to stream', LIMIT_MS, async () => tesla.telemetry ?? undefined);
    tesla.isAsleep = true;
    await say({
      DetailedChargeState: 'DetailedChargeStateStopped',
      ChargePortLatch: 'ChargePortLatchEngaged',
      Gear: 'ShiftStateP',
      LocatedAtHome: true,
      ACChargingEnergyIn: METER_START_KWH,
    });
    await eventually('it is woken', LIMIT_MS, async () => !tesla.isAsleep || undefined);
    await mqtt.publishAsync(
      `telemetry/${TESLA}/connectivity`,
      JSON.stringify({ ConnectionId: 'one', Status: 'CONNECTED', CreatedAt: new Date().toISOString() }),
      { qos: 1, retain: true },
    );
    await eventually(
      'it is told to charge',
      LIMIT_MS,
      async () => tesla.commands().includes('charge_start') || undefined,
    );
    expect(tesla.commands()).toContain('set_charge_limit {"percent":80}');
    await say({ DetailedChargeState: 'DetailedChargeStateCharging', ACChargingPower: 8.3 });
    await say({ ACChargingEnergyIn: METER_START_KWH + 0.3 });

    await api.json('POST', '/grid/v1/regions/de-berlin/emergency', {
      reason: 'a fire at the substation',
      until: new Date(Date.now() + HOUR_MS).toISOString(),
      feeders: ['street'],
    });
    await eventually('it is stopped', LIMIT_MS, async () => tesla.commands().at(-1) === 'charge_stop' || undefined);
    await say({ DetailedChargeState: 'DetailedChargeStateStopped', ACChargingPower: 0 });
    await api.json('DELETE', '/grid/v1/regions/de-berlin/emergency');
    await eventually(
      'it is started again',
      LIMIT_MS,
      async () => tesla.commands().at(-1) === 'charge_start' || undefined,
    );
    await say({ ACChargingEnergyIn: METER_START_KWH + 0.5 });
    await eventually('its meter is counted', LIMIT_MS, async () =>
      (await teslaCar()).charging_kwh > 0.45 ? true : undefined,
    );

    await say({ DetailedChargeState: 'DetailedChargeStateDisconnected', ChargePortLatch: 'ChargePortLatchDisengaged' });
    expect((await settled(TESLA)).chargingKwh).toBeCloseTo(0.5, 2);
    const car = await teslaCar();
    expect(car.problems).toEqual([]);
    // A wake, five commands or more, and the two requests of its telemetry.
    expect(car.usd_this_month).toBeGreaterThan(0.025);
    expect(car.usd_this_month).toBeLessThan(0.1);
  },
);

async function pidOf(name: string): Promise<number> {
  const { pid } = JSON.parse(await readFile(join(folder, 'state', 'run', `${name}.pid`), 'utf8')) as { pid: number };
  return pid;
}

/** As the car's telemetry server publishes it. */
async function say(fields: Readonly<Record<string, unknown>>): Promise<void> {
  for (const [name, value] of Object.entries(fields)) {
    await mqtt.publishAsync(`telemetry/${TESLA}/v/${name}`, JSON.stringify(value), { qos: 1, retain: true });
  }
}

async function charger() {
  const { chargers } = (await api.json('GET', '/fleet/v1/chargers')) as {
    chargers: { online: boolean; charging_kwh: number }[];
  };
  const [only] = chargers;
  if (!only) throw new Error('the charger is not there');
  return only;
}

async function teslaCar() {
  const { cars } = (await api.json('GET', '/fleet/v1/tesla')) as {
    cars: { charging_kwh: number; usd_this_month: number; problems: string[] }[];
  };
  const [only] = cars;
  if (!only) throw new Error('the car is not linked');
  return only;
}

/** The statement of a car's only stay, once it is settled. */
function settled(vin: string): Promise<OwnerStatement> {
  return eventually(`the stay of ${vin} is settled`, LIMIT_MS, async () => {
    const { stays } = (await api.json('GET', `/fleet/v1/vehicles/${vin}/sessions`)) as {
      stays: { statement: OwnerStatement | null }[];
    };
    expect(stays).toHaveLength(1);
    return stays[0]?.statement ?? undefined;
  });
}

function signals() {
  const hour = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
  const span = { start: new Date(hour - HOUR_MS).toISOString(), end: new Date(hour + 30 * HOUR_MS).toISOString() };
  const of = (series: string, value: number, unit: string, more = {}) => ({
    series,
    value,
    unit,
    source: 'test',
    ...span,
    ...more,
  });
  return [
    of('price', 0.2, 'EUR/kWh'),
    of('carbon', 300, 'g/kWh', { kind: 'average' }),
    of('temperature', 8, 'Cel'),
    ...['garage', 'street'].flatMap((feederId) => [
      of('import_limit', 20, 'kW', { feederId }),
      of('house_load', 2, 'kW', { feederId }),
    ]),
  ];
}

function car(id: string, feeder: string) {
  return {
    id,
    feeder,
    owner: 'ada',
    displayName: id,
    carModel: 'model-3',
    hardwareClass: 'hw3',
    batteryKwh: 57.5,
    charger: { maxKw: 11, minKw: 4.14, efficiency: 0.9 },
    policy: {
      readyBy: '07:00',
      timeZone: 'Europe/Berlin',
      targetSocPercent: 80,
      minimumSocPercent: 50,
      computeSocFloorPercent: 20,
      computeOptIn: false,
    },
  };
}

function cellFile() {
  return {
    id: 'home',
    regions: [
      {
        id: 'de-berlin',
        timeZone: 'Europe/Berlin',
        feeds: [{ kind: 'file', path: 'signals.json' }],
        feeders: ['garage', 'street'].map((id) => ({ id, failSafeImportKw: 12 })),
      },
    ],
    vehicles: [car(CAR, 'garage'), car(TESLA, 'street')],
  };
}
