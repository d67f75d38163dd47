import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NativeConnection } from '@temporalio/worker';
import { connectAsync } from 'mqtt';
import { pino } from 'pino';
import { ApiClient } from '../api/client/apiClient.ts';
import { probeVerdictSchema, type AgentSettingsWire } from '../api/wire/agents.ts';
import type { AgentConfig } from './agentConfig.ts';
import { HostSensors } from './hostSensors.ts';
import { openPowerMeter } from './powerMeter.ts';
import { probeComputer } from './probe.ts';
import { PowerGate } from '../car/shard/powerGate.ts';
import { checked, type CheckFinding } from '../domain/checks.ts';
import { readAgentSettings, temporalDoor } from './carDoors.ts';
import { checkFit, credentialsOf } from './hostAgent.ts';

const METER_PERIOD_MS = 1_000;

/** Looks at everything that the agent will need, and measures the computer; the API is told what was measured. */
export async function checkHost(config: AgentConfig): Promise<CheckFinding[]> {
  let settings: AgentSettingsWire | undefined;
  const findings: CheckFinding[] = [
    await checked('API', 'Is `api` right, and the key one that `nightshift car code` has led to?', async () => {
      settings = await readAgentSettings(credentialsOf(config));
      checkFit(config, settings);
      return `${settings.car_id} is enrolled in ${settings.region_id} as ${settings.hardware_class}`;
    }),
  ];
  if (settings) findings.push(...(await checkDoors(config, settings)));
  findings.push(await checkMeter(config), await checkSensors(config, settings));
  findings.push(...(await checkSpeed(config, settings)));
  return findings;
}

export async function checkDoors(config: AgentConfig, settings: AgentSettingsWire): Promise<CheckFinding[]> {
  const { gateway, mqtt_url: mqttUrl } = settings;
  return [
    await checked('gateway', `Can this computer reach ${gateway.address} (gRPC over HTTP/2)?`, async () => {
      const connection = await NativeConnection.connect(temporalDoor(credentialsOf(config), settings).options);
      await connection.close();
      return `${gateway.address} answers${gateway.tls ? ', with TLS' : ''}`;
    }),
    await checked('broker', `Can this computer reach ${mqttUrl} (MQTT 3.1.1)?`, async () => {
      const options = { username: config.carId, password: config.key, protocolVersion: 4, reconnectPeriod: 0 } as const;
      const client = await connectAsync(mqttUrl, { ...options, clientId: `check-${config.carId}` });
      await client.endAsync();
      return `${mqttUrl} lets the car in`;
    }),
  ];
}

async function checkMeter({ power }: AgentConfig): Promise<CheckFinding> {
  return checked(
    'power meter',
    'docs/agent.md lists the meters; files of the kernel may need read permission.',
    async () => {
      const read = openPowerMeter(power.meter);
      if (!read) return power.meter.source === 'charger' ? 'the charger’s' : 'none: the class’s figure counts';
      await read();
      await sleep(METER_PERIOD_MS);
      return `${((await read()) ?? 0).toFixed(1)} W now, and ${power.overheadWatts} W beside it`;
    },
  );
}

async function checkSensors(config: AgentConfig, settings: AgentSettingsWire | undefined): Promise<CheckFinding> {
  return checked('sensors', 'A sensor that cannot be read holds the car for ever.', async () => {
    const gate = new PowerGate();
    const unreadable: string[] = [];
    const log = pino({}, { write: (line: string) => void unreadable.push(line) });
    await new HostSensors(
      { ...config, computeSocFloorPercent: settings?.compute_soc_floor_percent ?? 0 },
      gate,
      log,
    ).look();
    if (unreadable.length > 0) throw new Error(`cannot be read: ${gate.reasons.join(', ')}`);
    const names = (['temperature', 'battery', 'hold'] as const).filter((name) => config[name] !== undefined);
    return `${names.join(', ') || 'none'}; ${gate.isOpen ? 'nothing speaks against computing' : gate.reasons.join(', ')}`;
  });
}

async function checkSpeed(config: AgentConfig, settings: AgentSettingsWire | undefined): Promise<CheckFinding[]> {
  const folder = join(config.stateDir, 'probe');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { provider: wanted } = config.execution;
  const probe = await probeComputer(folder, { executionProvider: wanted }, openPowerMeter(config.power.meter)).catch(
    (error: unknown) => error,
  );
  if (probe instanceof Error || !isProbe(probe)) {
    return [{ what: 'speed', ok: false, found: String(probe), mend: 'ONNX Runtime does not run on this computer.' }];
  }
  const watts = probe.watts === undefined ? null : probe.watts + config.power.overheadWatts;
  const measured = `${probe.gflops.toFixed(1)} GFLOP/s by ${probe.provider}${watts === null ? '' : `, ${watts.toFixed(0)} W`}`;
  const provider: CheckFinding =
    probe.provider === wanted
      ? { what: 'provider', ok: true, found: wanted }
      : { what: 'provider', ok: true, found: `${wanted} cannot be used here: ${probe.provider} is` };
  if (!settings) return [provider, { what: 'speed', ok: true, found: measured }];
  return [
    provider,
    await checked('class', 'Have the operator enrol the car as what it is.', async () => {
      const body = { gflops: probe.gflops, watts, provider: probe.provider };
      const answer = await new ApiClient(config.api, config.key).json('POST', '/cars/v1/probe', body);
      const verdict = probeVerdictSchema.parse(answer);
      const nearest = verdict.nearest_class === null ? '' : ` The nearest class is ${verdict.nearest_class}.`;
      if (!verdict.agrees) throw new Error(`${measured}. ${verdict.findings.join(' ')}${nearest}`);
      return `${measured}, as ${verdict.hardware_class} may be`;
    }),
  ];
}

type Probe = Awaited<ReturnType<typeof probeComputer>>;

function isProbe(value: unknown): value is Probe {
  return typeof value === 'object' && value !== null && 'gflops' in value;
}
