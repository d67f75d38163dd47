import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createEmergencyShed } from '../../activities/grid/emergencyShed.ts';
import { startApiServer } from '../../api/http/server.ts';
import { readPageFiles } from '../../api/http/pageFiles.ts';
import { startLeasedIngress } from '../../api/ingress/leasedIngress.ts';
import { startIngress, type Ingress } from '../../api/ingress/ingress.ts';
import { cellSamples } from '../../api/metrics/cellSamples.ts';
import { telemetrySamples } from '../../api/metrics/telemetrySamples.ts';
import { startBroker } from '../../api/mqtt/broker.ts';
import { brokerAccess } from '../../api/mqtt/brokerRights.ts';
import { carOfKey } from '../../store/carKeys.ts';
import { openDatabase } from '../../store/database.ts';
import { apiKeyOf } from '../process/apiKey.ts';
import { CARBON_EUR_PER_KG } from '../../planning/carbonPrice.ts';
import { readCellFile } from '../../config/cell/cellFile.ts';
import { modelAdmissionOver } from './modelAdmission.ts';
import { chargedLive } from '../../activities/settlement/liveCharges.ts';
import { createLiveExecutor } from '../../inference/liveExecutor.ts';
import type { TemporalConfig } from '../../config/config.ts';
import { brokerPasswordsOf, brokerUrlOf } from '../process/brokerUrl.ts';
import {
  brokerDependency,
  databaseDependency,
  objectsDependency,
  temporalDependency,
} from '../process/dependencies.ts';
import { watchCertificate } from '../process/certificates.ts';
import { mqttSession, openMqtt, vehicleLinkOver } from '../process/mqttLink.ts';
import { openObjects } from '../process/openObjects.ts';
import { requireSetting } from '../process/requireSetting.ts';
import { secretsSealOf, sliceSignerOf } from '../process/secretsSeal.ts';
import { runService, type Service } from '../process/service.ts';
import { connectClient } from '../process/temporalClients.ts';
import { appliedCell } from '../process/appliedCell.ts';
import { jobStarterOver } from './jobStarter.ts';
import { misuseTeller } from './misuseTeller.ts';
import { startQuoter } from './quoter.ts';
import { queueSamplesOf } from './queueSamples.ts';
import { regionKeeperOver } from './regionKeeper.ts';
import { regionTellerOver } from './regionTeller.ts';
import { sessionStarterOver } from './sessionStarter.ts';
import { rolloutStarterOver } from './rolloutStarter.ts';
import { trainingStarterOver } from './trainingStarter.ts';
import { venStarterOver } from './venStarter.ts';

/** HTTP for submitters and operators; MQTT broker and telemetry ingress for cars. */
async function start({ config, logger, monitor }: Service) {
  const databaseUrl = requireSetting(config, 'databaseUrl');
  const database = openDatabase({ url: databaseUrl });
  const { cell: cellFile } = await readCellFile(requireSetting(config, 'cellFile'));
  const cell = await appliedCell(database, cellFile.id);
  const broker = config.mqtt.embedded
    ? await startBroker({
        host: '127.0.0.1',
        port: config.mqtt.port,
        logger,
        admit: brokerAccess({
          telemetryBase: config.mqtt.telemetryBase,
          passwords: brokerPasswordsOf(config),
          carOfKey: (key) => carOfKey(database, key),
        }),
        connections: config.connections,
        onMisuse: misuseTeller(database, cell, logger),
      })
    : undefined;
  const mqtt = openMqtt(brokerUrlOf(config), 'api', logger);
  const client = await connectClient(config.temporal.connection);
  const objects = openObjects(config.objects);
  // Another API process of this state folder has a folder of its own.
  const scratchFolder = join(config.stateDir, 'live', `uploads-${config.api.port}`);
  // A killed process leaves what it was looking at.
  await rm(scratchFolder, { recursive: true, force: true });
  const executor = createLiveExecutor({
    folder: join(config.stateDir, 'live', 'models'),
    diskBytes: config.models.cacheBytes,
    objects,
  });
  const live = chargedLive(executor, { database, cell, logger });
  const quotes = startQuoter(databaseUrl);
  const sessions = sessionStarterOver(client, cell);
  const certificate = config.api.tls && (await watchCertificate(config.api.tls, { logger, monitor }));
  const server = await startApiServer(
    {
      database,
      objects,
      live,
      quotes,
      admission: modelAdmissionOver(database, objects),
      scratchFolder,
      maxModelBytes: config.models.maxBytes,
      jobs: jobStarterOver(client, cell),
      trainings: trainingStarterOver(client, cell),
      vens: venStarterOver(client, cell),
      rollouts: rolloutStarterOver(client, cell),
      ...(config.accounts && { accounts: config.accounts }),
      seal: secretsSealOf(config),
      slices: sliceSignerOf(config),
      regions: regionTellerOver(client, cell, createEmergencyShed({ database, vehicles: vehicleLinkOver(mqtt) })),
      regionKeeper: regionKeeperOver(client, cell),
      webhookHosts: config.webhookHosts,
      retention: config.retention,
      carDoors: {
        gateway: {
          address: config.gateway.address,
          tls: config.gateway.tls !== undefined,
          namespace: config.temporal.connection.namespace,
        },
        mqttUrl: config.mqtt.carUrl,
        telemetryBase: config.mqtt.telemetryBase,
      },
      stays: sessions,
      cell,
      temporalUi: temporalUiOf(config.temporal),
      page: await readPageFiles(),
      carbonEurPerKg: CARBON_EUR_PER_KG,
      missingEurPerKwh: config.missingEurPerKwh,
      apiKey: apiKeyOf(config),
      logger,
      onAnswered: ({ area, status, seconds }) => {
        monitor.add('nightshift_http_requests_total', { area, status });
        monitor.observe('nightshift_http_request_seconds', { area }, seconds);
      },
      now: Date.now,
    },
    {
      host: config.api.host,
      port: config.api.port,
      connections: config.connections,
      ...(certificate && { tls: certificate }),
    },
  );
  let telemetry: Ingress | undefined;
  const ingress = await startLeasedIngress({
    database,
    cellId: cell.id,
    holder: `${hostname()}:${config.api.port}`,
    logger,
    start: async () => {
      const session = mqttSession(brokerUrlOf(config), `ingress-${cell.id}`, logger);
      const { telemetryBase } = config.mqtt;
      const taken = await startIngress({
        database,
        cell,
        mqtt: session,
        telemetryBase,
        sessions,
        logger,
        onMetered: (seconds) => monitor.observe('nightshift_meter_lag_seconds', {}, seconds),
        onWritten: (seconds) => monitor.observe('nightshift_telemetry_write_seconds', {}, seconds),
        now: Date.now,
      });
      telemetry = taken;
      session.connect();
      return {
        close: async () => {
          telemetry = undefined;
          await session.endAsync(true);
          await taken.close();
        },
      };
    },
  });
  monitor.onScrape(() => telemetrySamples(telemetry?.counts()));
  for (const read of cellSamples({ database, cell, now: Date.now })) monitor.onScrape(read);
  monitor.onScrape(queueSamplesOf({ client, database, cellId: cell.id }));
  monitor.started([
    databaseDependency(database),
    // Jobs are taken without it, and started when it is back.
    temporalDependency(false, () => client.workflowService.getSystemInfo({})),
    brokerDependency(false, mqtt),
    objectsDependency(false, objects),
  ]);
  return { server, live, executor, quotes, ingress, mqtt, broker, client, database };
}

/** Where the Web UI shows a workflow, before its id. */
function temporalUiOf({ uiUrl, connection }: TemporalConfig): string | null {
  if (uiUrl === undefined) return null;
  return `${uiUrl.replace(/\/+$/, '')}/namespaces/${encodeURIComponent(connection.namespace)}/workflows/`;
}

runService('api', {
  start,
  stop: async ({ server, live, executor, quotes, ingress, mqtt, broker, client, database }) => {
    await Promise.all([server.close(), ingress.close(), executor.close(), quotes.close()]);
    await live.close();
    await mqtt.endAsync(true);
    await broker?.close();
    await client.connection.close();
    await database.close();
  },
});
