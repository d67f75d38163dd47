import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { startCentralSystem } from '../../charging/ocpp/centralSystem.ts';
import type { ConnectionLimits } from '../../domain/connectionLimits.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { openDatabase } from '../../store/database.ts';
import { readCellFile } from '../../config/cell/cellFile.ts';
import type { OcppConfig, TeslaConfig } from '../../config/config.ts';
import { appliedCell } from '../process/appliedCell.ts';
import { brokerUrlOf } from '../process/brokerUrl.ts';
import { brokerDependency, databaseDependency } from '../process/dependencies.ts';
import type { Monitor } from '../process/monitor/monitor.ts';
import { openMqtt } from '../process/mqttLink.ts';
import { watchCertificate } from '../process/certificates.ts';
import { requireSetting } from '../process/requireSetting.ts';
import { secretsSealOf } from '../process/secretsSeal.ts';
import { runService, type Service } from '../process/service.ts';
import { ChargerFleet, type ChargerFleetPorts } from '../../charging/chargerFleet.ts';
import { TeslaFleet, type TeslaFleetPorts } from '../../charging/tesla/teslaFleet.ts';

/**
 * Charging for cars that do not follow their setpoints themselves: by their charger over OCPP, or by commands of Tesla's
 * Fleet API, each car as it is enrolled. One such process a cell.
 */
async function start({ config, logger: log, monitor }: Service) {
  const { ocpp, tesla } = config;
  if (!ocpp && !tesla) {
    throw new NightshiftError('invalid_config', 'ocpp.port or tesla.apiUrl must be set for this process.');
  }
  const database = openDatabase({ url: requireSetting(config, 'databaseUrl') });
  const { cell: cellFile } = await readCellFile(requireSetting(config, 'cellFile'));
  const cell = await appliedCell(database, cellFile.id);
  const mqtt = openMqtt(brokerUrlOf(config), `nightshift-charging-${cell.id}`, log);
  const { telemetryBase } = config.mqtt;
  const shared = { database, cell, mqtt, telemetryBase, now: Date.now, log };
  const parts = [
    ocpp && (await startChargers({ ...ocpp, connections: config.connections }, shared, monitor)),
    tesla && (await startTeslas(tesla, { ...shared, seal: secretsSealOf(config) })),
  ];
  monitor.started([databaseDependency(database), brokerDependency(true, mqtt)]);
  return { parts, mqtt, database };
}

async function startChargers(
  { host, port, tls, connections }: OcppConfig & { readonly connections: ConnectionLimits },
  ports: ChargerFleetPorts,
  monitor: Monitor,
) {
  const { log } = ports;
  const fleet = new ChargerFleet(ports);
  const certificate = tls && (await watchCertificate(tls, { logger: log, monitor }));
  const central = await startCentralSystem(
    { host, port, connections, ...(certificate && { tls: certificate }) },
    {
      admit: (id, password) => fleet.admit(id, sha256(password)),
      onRefused: (id, why) => {
        monitor.add('nightshift_chargers_refused_total');
        fleet.tellRefused(id, why);
      },
      log,
    },
  );
  monitor.onScrape(() => [{ name: 'nightshift_chargers_connected', value: central.connected() }]);
  log.info({ url: central.url }, 'chargers may connect');
  const stopping = new AbortController();
  const keepingUp = fleet.keepUp((id) => central.disconnect(id), stopping.signal);
  return {
    close: async () => {
      stopping.abort();
      await keepingUp;
      await central.close();
      await fleet.close();
    },
  };
}

async function startTeslas(config: TeslaConfig, ports: Omit<TeslaFleetPorts, 'config' | 'telemetry'>) {
  const { telemetry: server } = config;
  const telemetry = server && {
    hostname: server.hostname,
    port: server.port,
    ca: await readFile(server.caFile, 'utf8'),
  };
  const fleet = new TeslaFleet({ ...ports, config, telemetry });
  fleet.start();
  ports.log.info({ url: config.apiUrl }, 'cars are told by commands');
  return fleet;
}

function sha256(password: Buffer | undefined): string {
  return createHash('sha256')
    .update(password ?? '')
    .digest('hex');
}

runService('charging', {
  start,
  stop: async ({ parts, mqtt, database }) => {
    for (const part of parts) await part?.close();
    await mqtt.endAsync();
    await database.close();
  },
});
