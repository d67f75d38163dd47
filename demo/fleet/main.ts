import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiClient } from '../../api/client/apiClient.ts';
import { VehicleAgent } from '../../car/agent/vehicleAgent.ts';
import { DEFAULT_MODEL_FAMILY } from '../../domain/models.ts';
import type { CarHost } from '../../simulator/carHost.ts';
import { SimulatedFleet } from '../../simulator/fleet.ts';
import { clockOf, openCarDoors } from '../../agent/carDoors.ts';
import { loadConfig } from '../../config/config.ts';
import { runChild } from '../../worker/local/supervisor/child.ts';
import { apiKeyOf } from '../../worker/process/apiKey.ts';
import { fleetBrokerUrlOf } from '../../worker/process/brokerUrl.ts';
import { createLogger, type Logger } from '../../worker/process/logging.ts';
import { openMqtt } from '../../worker/process/mqttLink.ts';
import { startTraces } from '../../worker/process/traces.ts';
import { installTemporalRuntime } from '../../worker/process/temporalRuntime.ts';
import { untilAnswered } from '../../worker/process/untilAnswered.ts';
import { loadNight, scenarioCars, telemetryConfig } from '../night/night.ts';
import { boardAgent } from './agentOnBoard.ts';
import { enrolAgent, type EnrolledAgent } from './carKeys.ts';
import { openCuttableLink } from './cuttableLink.ts';
import { withInventedAnswers } from './inventedAnswers.ts';

/** Their night passes in minutes: by the usual ten seconds, a car of a roll-out would be at the wrong queue for hours of it. */
const BID_TURN_MS = 1_000;

/** Simulated cars, each with the agent that a car would run: its own key, connections, Worker and runner. */
async function start() {
  const config = loadConfig({ env: process.env, cwd: process.cwd() });
  const logger = createLogger('fleet', config.logLevel);
  installTemporalRuntime(logger);
  const traces = config.traces && startTraces(config.traces, 'car');
  const night = await loadNight(config.nightFile);
  const cars = scenarioCars(night);

  const apiUrl = config.objects.carUrl;
  const operator = new ApiClient(apiUrl, apiKeyOf(config));
  const enrolled = new Map<string, EnrolledAgent>();
  for (const { spec } of cars) {
    const { vehicleId } = spec;
    const folder = folderOf(config.stateDir, vehicleId);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const enrol = (): Promise<EnrolledAgent> => enrolAgent(operator, apiUrl, vehicleId, folder);
    enrolled.set(vehicleId, await untilAnswered('the API, for the cars of this night,', enrol));
  }
  const [first] = enrolled.values();
  if (!first) throw new Error('the night has no cars');
  const clock = clockOf(first.settings);

  const mqtt = openMqtt(fleetBrokerUrlOf(config), 'fleet', logger);
  const fleet = await SimulatedFleet.load({
    // Another start of the same night has another anchor; its cars begin anew.
    scenario: `${night.scenario} ${clock.anchorMs}`,
    startMs: night.start,
    cars,
    seed: night.seed,
    clock,
    mqtt,
    stateFile: await carsFile(join(config.stateDir, 'fleet'), clock.anchorMs),
    logger,
    telemetry: telemetryConfig(night),
  });

  const aboard = await Promise.all(
    fleet.hosts.flatMap((host) => {
      const known = enrolled.get(host.vehicleId);
      const { answers, ownDataFolder } = night.cars.find(({ vin }) => vin === host.vehicleId) ?? {};
      const lies = answers === 'invented';
      return known ? [board(fleet, host, known, { stateDir: config.stateDir, lies, ownDataFolder, logger })] : [];
    }),
  );
  const running = fleet.run();
  return { fleet, running, aboard, mqtt, traces };
}

/** One for each start of a night, so that the cars of the one before do not stand in its way; those are removed. */
async function carsFile(folder: string, anchorMs: number): Promise<string> {
  const file = `cars-${anchorMs}.json`;
  for (const name of await readdir(folder)) {
    if (/^cars.*\.json$/.test(name) && name !== file) await rm(join(folder, name), { force: true });
  }
  return join(folder, file);
}

function folderOf(stateDir: string, vehicleId: string): string {
  return join(stateDir, 'fleet', vehicleId);
}

interface Boarding {
  readonly stateDir: string;
  readonly lies: boolean;
  readonly ownDataFolder: string | undefined;
  readonly logger: Logger;
}

/** Puts the agent into its car, with a link to the gateway that the simulation can cut. */
async function board(
  fleet: SimulatedFleet,
  host: CarHost,
  { credentials, settings }: EnrolledAgent,
  { stateDir, lies, ownDataFolder, logger }: Boarding,
) {
  const log = logger.child({ vehicleId: host.vehicleId });
  const doors = openCarDoors(credentials, settings, log);
  const link = await openCuttableLink(doors.gatewayAddress, doors.openSlice);
  const { options, namespace } = doors.temporal;
  const agent = new VehicleAgent({
    ...doors,
    vehicle: {
      vehicleId: host.vehicleId,
      regionId: host.regionId,
      hardwareClass: host.hardwareClass,
      computeKw: () => host.computeKw(),
      computeDraw: (kw) => host.computeDraw(kw),
      saveRegister: () => fleet.saveRegister(host.vehicleId),
    },
    temporal: { options: { ...options, address: link.address }, namespace },
    modelFamilies: [DEFAULT_MODEL_FAMILY],
    bidTurnMs: BID_TURN_MS,
    openSlice: lies ? withInventedAnswers(link.openSlice) : link.openSlice,
    pacer: host.pacer,
    log,
    folder: folderOf(stateDir, host.vehicleId),
    ownDataFolder,
    modelFolder: join(stateDir, 'fleet', 'models'),
  });
  boardAgent(host, agent, link, log);
  return { agent, link, doors };
}

runChild({
  start,
  stop: async ({ fleet, running, aboard, mqtt, traces }) => {
    await Promise.all(aboard.map(({ agent }) => agent.stop()));
    fleet.stop();
    await running;
    await Promise.all(aboard.flatMap(({ link, doors }) => [link.close(), doors.close()]));
    await mqtt.endAsync();
    await traces?.close();
  },
});
