import { createHash } from 'node:crypto';
import { startCentralSystem } from '../../charging/ocpp/centralSystem.ts';
import { openDatabase } from '../../store/database.ts';
import { readCellFile } from '../cell/cellFile.ts';
import { loadConfig } from '../config/config.ts';
import { runChild } from '../local/supervisor/child.ts';
import { appliedCell } from '../process/appliedCell.ts';
import { brokerUrlOf } from '../process/brokerUrl.ts';
import { createLogger } from '../process/logging.ts';
import { openMqtt } from '../process/mqttLink.ts';
import { readTls } from '../process/readTls.ts';
import { requireSetting } from '../process/requireSetting.ts';
import { ChargerFleet } from './chargerFleet.ts';

/** The chargers' side: they connect here over OCPP, and each becomes the plug of its car. One such process a cell. */
async function start() {
  const config = loadConfig({ env: process.env, cwd: process.cwd() });
  const logger = createLogger('charging', config.logLevel);
  const { host, port, tls } = requireSetting(config, 'ocpp');
  const database = openDatabase({ url: requireSetting(config, 'databaseUrl') });
  const { cell: cellFile } = await readCellFile(requireSetting(config, 'cellFile'));
  const cell = await appliedCell(database, cellFile.id);
  const mqtt = openMqtt(brokerUrlOf(config), `nightshift-charging-${cell.id}`, logger);
  const fleet = new ChargerFleet({
    database,
    cell,
    mqtt,
    telemetryBase: config.mqtt.telemetryBase,
    now: Date.now,
    log: logger,
  });
  const central = await startCentralSystem(
    { host, port, ...(tls && { tls: await readTls(tls) }) },
    {
      admit: (id, password) =>
        fleet.admit(
          id,
          createHash('sha256')
            .update(password ?? '')
            .digest('hex'),
        ),
      onRefused: (id, why) => fleet.tellRefused(id, why),
      log: logger,
    },
  );
  logger.info({ url: central.url }, 'chargers may connect');
  const stopping = new AbortController();
  const keepingUp = fleet.keepUp((id) => central.disconnect(id), stopping.signal);
  return { central, fleet, mqtt, database, stopping, keepingUp };
}

runChild({
  start,
  stop: async ({ central, fleet, mqtt, database, stopping, keepingUp }) => {
    stopping.abort();
    await keepingUp;
    await central.close();
    await fleet.close();
    await mqtt.endAsync();
    await database.close();
  },
});
