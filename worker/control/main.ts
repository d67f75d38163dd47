import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker, type WorkerOptions } from '@temporalio/worker';
import { createRolloutActivities } from '../../activities/rollouts/rolloutActivities.ts';
import { createStayActivities } from '../../activities/stays/stayActivities.ts';
import { feedOpener } from '../../activities/grid/feeds/openFeeds.ts';
import { createEmergencyShed } from '../../activities/grid/emergencyShed.ts';
import { createOpenAdrActivities } from '../../activities/grid/openadr/openAdrActivities.ts';
import { createGridActivities } from '../../activities/grid/gridActivities.ts';
import type { JobPorts } from '../../activities/jobs/jobPorts.ts';
import { createJobActivities } from '../../activities/jobs/jobActivities.ts';
import { publishBundledModels, type RegisterModel } from '../../inference/models/bundledModels.ts';
import { createDivisionActivities } from '../../activities/plan/divisionActivities.ts';
import { createPlanActivities } from '../../activities/plan/planActivities.ts';
import { createTrainingActivities } from '../../activities/training/trainingActivities.ts';
import { createTrustActivities } from '../../activities/trust/trustActivities.ts';
import { createTrustedRunner } from '../../activities/trust/trustedRunner.ts';
import { createWebhookActivities } from '../../activities/webhooks/webhookActivities.ts';
import { followActivities } from '../../car/followActivities.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { cellTaskQueue, CONTROL_TASK_QUEUE } from '../../domain/names.ts';
import { SOLVER_LIMIT_REAL_MS } from '../../domain/planLimits.ts';
import { addModel, recordModelNeeds } from '../../store/models.ts';
import { openDatabase } from '../../store/database.ts';
import { reclaiming } from '../../store/orphans.ts';
import { migrate } from '../../store/migrate.ts';
import { CARBON_EUR_PER_KG } from '../../planning/carbonPrice.ts';
import { gridNowOf } from '../../store/cells.ts';
import { readCellFile } from '../../config/cell/cellFile.ts';
import { brokerUrlOf } from '../process/brokerUrl.ts';
import { openMqtt, vehicleLinkOver } from '../process/mqttLink.ts';
import { openObjects } from '../process/openObjects.ts';
import {
  brokerDependency,
  databaseDependency,
  objectsDependency,
  temporalDependency,
} from '../process/dependencies.ts';
import { requireSetting } from '../process/requireSetting.ts';
import { carAccessOf, checkKeyOf, secretsSealOf } from '../process/secretsSeal.ts';
import type { Monitor } from '../process/monitor/monitor.ts';
import { runService, type Service } from '../process/service.ts';
import { startVen } from '../process/startVen.ts';
import { connectClient, connectWorker } from '../process/temporalClients.ts';
import { ensureSearchAttributes } from '../process/searchAttributes.ts';
import { freeLoopbackPort, installTemporalRuntime } from '../process/temporalRuntime.ts';
import { untilAnswered } from '../process/untilAnswered.ts';
import { heartbeatWhileAlive } from './heartbeatWhileAlive.ts';
import { startPlanner, timed } from './planner.ts';
import { publishLsaOnce } from './publishLsa.ts';
import { applyOnce } from './applyOnce.ts';
import { sessionTellerOver } from './sessionTeller.ts';
import { startCellWorkflows } from './startCellWorkflows.ts';
import { listenForHints } from './vtnHints.ts';

/** Of a line of text on a small computer, until cars or the cell file say else. */
const STATED_MS_PER_PICTURE = 1_000;

/** By queue; above this, workflows are evicted and replayed; each cached one costs about 1.7 MB. */
const MAX_CACHED_WORKFLOWS = 300;
/** How long workflow tasks wait for the worker that has their workflow in its cache: it may have been killed. */
const CACHED_WORKFLOW_WAIT = '3 seconds';
/** How often the server hears that an activity runs; a few may be late on a busy machine before the timeout. */
const HEARTBEAT_INTERVAL = '2 seconds';
const BUNDLE = fileURLToPath(new URL('../../workflow-bundle.js', import.meta.url));

/**
 * Workflows and their activities: everything that decides. Any number of them share two queues: their cell's, and that of
 * jobs, which belongs to all cells of the namespace.
 */
async function start({ config, logger, monitor }: Service) {
  const corePort = monitor.port === undefined ? undefined : await freeLoopbackPort();
  installTemporalRuntime(logger, corePort);
  if (corePort !== undefined) monitor.readCore(corePort);
  const database = openDatabase({ url: requireSetting(config, 'databaseUrl') });
  await untilAnswered('PostgreSQL', () => migrate(database));
  const objects = openObjects(config.objects);
  const register: RegisterModel = (model) => addModel(database, { ...model, tenantId: null });
  for (const { name, version } of await publishBundledModels(reclaiming(database, objects), register)) {
    // Without a figure for any class, no plan would have its batches, and they would wait for ever.
    await recordModelNeeds(database, { name, version }, { memoryMb: undefined, msPerUnit: STATED_MS_PER_PICTURE });
  }
  const { cell: cellFile, folder } = await readCellFile(requireSetting(config, 'cellFile'));
  const client = await connectClient(config.temporal.connection);
  await ensureSearchAttributes(client.connection, config.temporal.connection.namespace, logger);
  const cell = await applyOnce(client, database, cellFile);
  const mqtt = openMqtt(brokerUrlOf(config), 'control', logger);
  const connection = await connectWorker(config.temporal.connection);
  const vehicles = vehicleLinkOver(mqtt);
  const shed = createEmergencyShed({ database, vehicles });
  const planner = startPlanner(SOLVER_LIMIT_REAL_MS);
  const hints = listenForHints((connectionId) => startVen(client, cell, connectionId), logger);
  const gridNowMs = (): number => gridTimeMs(cell.clock, Date.now());
  const jobs = {
    database,
    objects,
    gridNowMs: gridNowOf(database),
    carAccess: carAccessOf(config),
    checkKey: checkKeyOf(config),
    onJudged: judgedInto(monitor),
  };
  const trusted = createTrustedRunner(objects, {
    folder: join(config.stateDir, 'checks', 'models'),
    diskBytes: config.models.cacheBytes,
  });

  const work: Omit<WorkerOptions, 'taskQueue'> = {
    connection,
    namespace: config.temporal.connection.namespace,
    identity: `control/${process.pid}@${hostname()}`,
    workflowBundle: { codePath: BUNDLE },
    maxCachedWorkflows: MAX_CACHED_WORKFLOWS,
    stickyQueueScheduleToStartTimeout: CACHED_WORKFLOW_WAIT,
    maxHeartbeatThrottleInterval: HEARTBEAT_INTERVAL,
    interceptors: { activity: [followActivities(logger, 'debug'), heartbeatWhileAlive] },
    shutdownGraceTime: '2 seconds',
    activities: {
      ...createGridActivities({
        database,
        feedsOf: feedOpener({ folder, env: process.env }),
        shed,
        carbonEurPerKg: CARBON_EUR_PER_KG,
        gridNowMs,
      }),
      ...createOpenAdrActivities({ database, seal: secretsSealOf(config), shed, now: Date.now, listen: hints.listen }),
      ...createPlanActivities({
        database,
        vehicles,
        tellSession: sessionTellerOver(client),
        plan: timed(planner.plan, (outcome, seconds) =>
          monitor.observe('nightshift_solver_seconds', { outcome }, seconds),
        ),
        weights: { carbonEurPerKg: CARBON_EUR_PER_KG, missingEurPerKwh: config.missingEurPerKwh },
        gridNowMs,
        carAccess: jobs.carAccess,
        now: Date.now,
      }),
      ...createRolloutActivities({ ...jobs, now: Date.now }),
      ...createDivisionActivities({ database }),
      ...createJobActivities(jobs),
      ...createTrustActivities({ ...jobs, trusted, log: logger }),
      ...createTrainingActivities({ ...jobs, trainer: trusted, now: Date.now }),
      ...createStayActivities({ database, vehicles }),
      ...createWebhookActivities({ database, hosts: config.webhookHosts, seal: secretsSealOf(config) }),
    },
  };
  const workers = await Promise.all(
    [cellTaskQueue(cell.id), CONTROL_TASK_QUEUE].map((taskQueue) => Worker.create({ ...work, taskQueue })),
  );
  const running = Promise.all(workers.map((worker) => worker.run()));
  const stopping = new AbortController();
  const buildEmbedding = async (): Promise<void> => {
    if (config.models.embedding === 'none') return;
    await publishLsaOnce(database, objects, register, stopping.signal);
  };
  const embedding = buildEmbedding().catch((error: unknown) => {
    if (!stopping.signal.aborted) logger.warn({ err: error }, 'the text embedding could not be built');
  });
  // A server takes a moment until it knows attributes that were registered just now.
  await untilAnswered('Temporal', () => startCellWorkflows(client, database, cell));
  monitor.started(
    [
      databaseDependency(database),
      temporalDependency(true, () => client.workflowService.getSystemInfo({})),
      brokerDependency(false, mqtt),
      objectsDependency(false, objects),
    ],
    () => workers.map((worker) => worker.getState()).find((state) => state !== 'RUNNING'),
  );
  return { workers, running, stopping, embedding, planner, trusted, hints, connection, client, mqtt, database };
}

/** Counts what becomes of shards. */
function judgedInto(monitor: Monitor): NonNullable<JobPorts['onJudged']> {
  return ({ accepted, handovers, redoneLines }) => {
    monitor.add('nightshift_shards_judged_total', { outcome: accepted ? 'accepted' : 'refused' });
    monitor.add('nightshift_shard_handovers_total', {}, handovers);
    monitor.add('nightshift_redone_lines_total', {}, redoneLines);
  };
}

runService('control', {
  start,
  stop: async ({
    workers,
    running,
    stopping,
    embedding,
    planner,
    trusted,
    hints,
    connection,
    client,
    mqtt,
    database,
  }) => {
    for (const worker of workers) worker.shutdown();
    stopping.abort();
    await embedding;
    await running;
    await planner.close();
    await trusted.close();
    await hints.close();
    await Promise.all([connection.close(), client.connection.close(), mqtt.endAsync()]);
    await database.close();
  },
});
