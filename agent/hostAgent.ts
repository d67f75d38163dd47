import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { MINUTE_MS } from '../domain/durations.ts';
import type { AgentSettingsWire } from '../api/wire/agents.ts';
import { VehicleAgent } from '../car/agent/vehicleAgent.ts';
import type { AgentConfig } from './agentConfig.ts';
import { HostSensors } from './hostSensors.ts';
import { HostVehicle } from './hostVehicle.ts';
import type { MeterReading } from '../domain/setpoints.ts';
import { openPowerMeter } from './powerMeter.ts';
import { UNPACED } from '../car/shard/ports.ts';
import { gridTimeMs, realDurationMs } from '../domain/clock.ts';
import { NightshiftError } from '../domain/errors.ts';
import { topics } from '../domain/names.ts';
import { openCarDoors, presenceOf, readAgentSettings, type CarCredentials } from './carDoors.ts';

const LOOK_EVERY_MS = 5_000;
const MEASURE_EVERY_MS = 1_000;
const SETTINGS_EVERY_MS = MINUTE_MS;
const RETRY_SETTINGS_MS = 5_000;
/** Grid time: the ingress reads registers by quarter hours, and gives a connection up after ten silent minutes. */
const READING_EVERY_MS = 300_000;
const PRESENCE_EVERY_MS = 120_000;
const SHORTEST_PERIOD_MS = 500;
const GOODBYE_LIMIT_MS = 2_000;

/** The agent of the computer that it runs on. */
export interface HostAgent {
  /** Settles when the agent cannot go on: its key was withdrawn, or its config does not fit the car. */
  readonly failed: Promise<never>;
  /** Takes no more shards; resolves when the one under way is done. */
  finish(): Promise<void>;
  /** Leaves gracefully: a shard under way stores what it has computed and is given back. */
  stop(): Promise<void>;
}

/**
 * Runs the agent as its config says, and as the API says of its car: it starts anew when that changes. It waits for an
 * API that is out of reach for as long as it takes.
 * @throws NightshiftError `unauthorized` or `invalid_config`
 */
export async function startHostAgent(config: AgentConfig, log: Logger): Promise<HostAgent> {
  const credentials = credentialsOf(config);
  const stopping = new AbortController();
  await mkdir(config.stateDir, { recursive: true, mode: 0o700 });
  let settings = await untilKnown(credentials, log, stopping.signal);
  let life = await liveOn(config, credentials, settings, log);

  const follow = async (): Promise<never> => {
    for (;;) {
      await sleep(SETTINGS_EVERY_MS, undefined, { signal: stopping.signal });
      const fresh = await untilKnown(credentials, log, stopping.signal);
      if (JSON.stringify(fresh) === JSON.stringify(settings)) continue;
      log.info({ settings: fresh }, 'what the car is enrolled with has changed: the agent starts anew');
      settings = fresh;
      await life.end();
      life = await liveOn(config, credentials, settings, log);
    }
  };
  const failed = follow();
  // An agent that is stopped has not failed.
  failed.catch(() => undefined);
  return {
    failed,
    finish: () => life.finish(),
    stop: async () => {
      stopping.abort();
      await life.end();
    },
  };
}

export function credentialsOf({ api, carId, key }: AgentConfig): CarCredentials {
  return { apiUrl: api, carId, key };
}

async function untilKnown(credentials: CarCredentials, log: Logger, signal: AbortSignal): Promise<AgentSettingsWire> {
  for (;;) {
    try {
      return await readAgentSettings(credentials);
    } catch (error) {
      if (error instanceof NightshiftError && !error.retryable) throw error;
      log.warn({ err: error }, 'the API cannot be reached; it is tried again');
      await sleep(RETRY_SETTINGS_MS, undefined, { signal });
    }
  }
}

/** One life of the agent, from settings to settings. */
async function liveOn(config: AgentConfig, credentials: CarCredentials, settings: AgentSettingsWire, log: Logger) {
  checkFit(config, settings);
  const connectionId = randomUUID();
  const doors = openCarDoors(credentials, settings, log, connectionId);
  const { meter, overheadWatts } = config.power;
  const vehicle = await HostVehicle.open({
    vehicleId: settings.car_id,
    regionId: settings.region_id,
    hardwareClass: settings.hardware_class,
    modelledKw: settings.compute_kw,
    readWatts: openPowerMeter(meter),
    overheadWatts,
    folder: config.stateDir,
    gridNowMs: () => gridTimeMs(doors.clock, Date.now()),
    log,
  });
  const agent = new VehicleAgent({
    ...doors,
    vehicle,
    modelFamilies: config.families ?? settings.model_families,
    pacer: UNPACED,
    log,
    folder: config.stateDir,
    ownDataFolder: config.ownData?.folder,
    modelFolder: join(config.stateDir, 'models'),
    modelDiskBytes: config.modelCacheBytes,
    runner: {
      executionProvider: config.execution.provider,
      onProvider: ({ provider, refusal }) => {
        if (refusal === undefined) log.info({ provider }, 'a model is loaded');
        else log.warn({ provider, refusal }, `${config.execution.provider} cannot be used: ${provider} is`);
      },
    },
  });
  // The planner knows the need of a car by its state of charge, which no charger tells of most cars.
  const tellSoc = (socPercent: number): void => {
    const topic = topics.telemetryField(settings.telemetry_base, settings.car_id, 'BatteryLevel');
    if (socPercent === toldSocPercent) return;
    toldSocPercent = socPercent;
    doors.publish(topic, socPercent).catch(() => (toldSocPercent = undefined));
  };
  let toldSocPercent: number | undefined;
  const sensors = new HostSensors(
    { ...config, computeSocFloorPercent: settings.compute_soc_floor_percent, onSocPercent: tellSoc },
    agent.gate,
    log,
  );
  const tellPresence = (isConnected: boolean): Promise<void> =>
    doors.publish(topics.agentConnectivity(settings.car_id), presenceOf(connectionId, isConnected));
  const tell = async (reading: MeterReading): Promise<void> => {
    const { atMs, computeKwh } = reading;
    // The charger's meter says what the plug gives, the agent only how much of that was compute: two registers of one
    // plug would be paid twice.
    if (meter.source === 'charger') await doors.publish(topics.computeMeter(settings.car_id), { atMs, computeKwh });
    else await doors.publish(topics.meter(settings.car_id), reading);
  };
  const tellReading = async (): Promise<void> => tell(await vehicle.reading());
  const tellLast = async (): Promise<void> => {
    await tellReading();
    await tellPresence(false);
  };
  // Sensors first: the gate must not open before they were asked.
  await sensors.look();
  const period = (gridMs: number): number => Math.max(SHORTEST_PERIOD_MS, realDurationMs(doors.clock, gridMs));
  const timers = [
    every(LOOK_EVERY_MS, () => sensors.look(), log),
    every(MEASURE_EVERY_MS, () => vehicle.measure(), log),
    every(period(READING_EVERY_MS), tellReading, log),
    every(period(PRESENCE_EVERY_MS), () => tellPresence(true), log),
  ];
  // Not waited for: without a broker the agent computes all the same, and the reading goes before the next ones.
  if (vehicle.keptReading)
    tell(vehicle.keptReading).catch((error: unknown) => log.warn({ err: error }, 'the kept register was not told'));
  await agent.start();
  tellPresence(true).catch((error: unknown) => log.warn({ err: error }, 'the broker cannot be told of the agent'));
  log.info({ region: settings.region_id, hardwareClass: settings.hardware_class }, 'the agent runs');
  return {
    finish: () => agent.finish(),
    end: async (): Promise<void> => {
      timers.forEach(clearInterval);
      await agent.stop();
      // Without a broker nothing is told, and nobody waits for it: the will says the same.
      await Promise.race([tellLast().catch(() => undefined), sleep(GOODBYE_LIMIT_MS)]);
      await doors.close();
    },
  };
}

/** @throws NightshiftError `invalid_config` naming the field */
export function checkFit(config: AgentConfig, settings: AgentSettingsWire): void {
  const { car_id: carId, hardware_class: hardwareClass, model_families: families } = settings;
  if (config.carId !== carId) throw wrong('carId', `the key is that of ${carId}, not of ${config.carId}`);
  if (config.hardwareClass !== undefined && config.hardwareClass !== hardwareClass) {
    throw wrong('hardwareClass', `the car is enrolled as ${hardwareClass}, not as ${config.hardwareClass}`);
  }
  const stranger = config.families?.find((family) => !families.includes(family));
  if (stranger !== undefined) {
    throw wrong('families', `the car is enrolled for ${families.join(', ')}, not for ${stranger}`);
  }
}

function wrong(field: string, message: string): NightshiftError {
  return new NightshiftError('invalid_config', `${field}: ${message}`, { field });
}

/** Runs `work` every so often, one at a time. */
function every(periodMs: number, work: () => Promise<void>, log: Logger): NodeJS.Timeout {
  let running = false;
  return setInterval(() => {
    if (running) return;
    running = true;
    work()
      .catch((error: unknown) => log.warn({ err: error }, 'something that the agent does now and then failed'))
      .finally(() => {
        running = false;
      });
  }, periodMs);
}
