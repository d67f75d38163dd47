import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_MODEL_FAMILY } from '../../domain/models.ts';
import { loadNight, scenarioCars, telemetryConfig } from '../night/night.ts';
import { SimulatedFleet } from '../../simulator/fleet.ts';
import { openDatabase } from '../../store/database.ts';
import { VehicleAgent } from '../../car/agent/vehicleAgent.ts';
import { setpointLinkOver, shedLinkOver } from '../../car/agent/setpointLink.ts';
import { loadConfig } from '../../worker/config/config.ts';
import { createLogger } from '../../worker/process/logging.ts';
import { openObjects } from '../../worker/process/openObjects.ts';
import { openMqtt } from '../../worker/process/mqttLink.ts';
import { requireSetting } from '../../worker/process/requireSetting.ts';
import { runChild } from '../../worker/local/supervisor/child.ts';
import { installTemporalRuntime } from '../../worker/process/temporalRuntime.ts';
import { appliedCell } from '../../worker/process/appliedCell.ts';
import { boardAgent } from './agentOnBoard.ts';
import { openCuttableLink } from './cuttableLink.ts';
import { sliceOpener } from '../../car/shard/openSlices.ts';

/** Simulated cars, each with the agent that a car would run: its own connection, Worker and runner. */
async function start() {
  const config = loadConfig({ env: process.env, cwd: process.cwd() });
  const logger = createLogger('fleet', config.logLevel);
  installTemporalRuntime(logger);
  const night = await loadNight(config.nightFile);
  const cell = await cellOf(requireSetting(config, 'databaseUrl'), night.scenario);
  const openSlice = sliceOpener(config.objects.carUrl === undefined ? openObjects(config.objects) : undefined);
  const mqtt = openMqtt(config.mqtt.url, `fleet-${process.pid}`, logger);
  const setpoints = setpointLinkOver(mqtt);
  const sheds = shedLinkOver(mqtt);
  await mkdir(join(config.stateDir, 'fleet'), { recursive: true });
  const fleet = await SimulatedFleet.load({
    scenario: `${night.scenario} ${cell.incarnation}`,
    startMs: night.start,
    cars: scenarioCars(night),
    seed: night.seed,
    clock: cell.clock,
    mqtt,
    stateFile: join(config.stateDir, 'fleet', 'cars.json'),
    logger,
    telemetry: telemetryConfig(night),
  });

  const { options: temporal, namespace } = config.temporal.connection;
  const aboard = await Promise.all(
    fleet.hosts.map(async (host) => {
      const link = await openCuttableLink(temporal.address, openSlice);
      const log = logger.child({ vehicle: host.vehicleId });
      const agent = new VehicleAgent({
        vehicle: host,
        temporal: { options: { ...temporal, address: link.address }, namespace },
        modelFamily: DEFAULT_MODEL_FAMILY,
        openSlice: link.openSlice,
        setpoints,
        sheds,
        clock: cell.clock,
        pacer: host.pacer,
        log,
        folder: join(config.stateDir, 'fleet', host.vehicleId),
        modelFolder: join(config.stateDir, 'fleet', 'models'),
      });
      boardAgent(host, agent, link, log);
      return { agent, link };
    }),
  );
  const running = fleet.run();
  return { fleet, running, aboard, mqtt };
}

async function cellOf(databaseUrl: string, id: string) {
  const database = openDatabase({ url: databaseUrl, maxConnections: 1 });
  try {
    return await appliedCell(database, id);
  } finally {
    await database.close();
  }
}

runChild({
  start,
  stop: async ({ fleet, running, aboard, mqtt }) => {
    await Promise.all(aboard.map(({ agent }) => agent.stop()));
    fleet.stop();
    await running;
    await Promise.all(aboard.map(({ link }) => link.close()));
    await mqtt.endAsync();
  },
});
