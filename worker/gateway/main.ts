import { AnsweredHours } from '../../api/gateway/answeredHours.ts';
import { createRefusalLog } from '../../api/gateway/refusalLog.ts';
import { startGateway } from '../../api/gateway/server.ts';
import { openUpstream } from '../../api/gateway/upstream.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { recordAttemptFailure } from '../../store/attemptFailures.ts';
import { carOfKey } from '../../store/carKeys.ts';
import { readCell } from '../../store/cells.ts';
import { openDatabase } from '../../store/database.ts';
import { addHeardHours } from '../../store/heardHours.ts';
import { appendJournal } from '../../store/journal.ts';
import { databaseDependency, temporalDependency } from '../process/dependencies.ts';
import { watchCertificate } from '../process/certificates.ts';
import { requireSetting } from '../process/requireSetting.ts';
import { sliceSignerOf, taskTokensOf } from '../process/secretsSeal.ts';
import { runService, type Service } from '../process/service.ts';
import { untilAnswered } from '../process/untilAnswered.ts';

/** Below its stop limit in the local stack. */
const STOP_LIMIT_MS = 800;
const MAX_PROBE_REAL_MS = 5_000;

/** The cars' door to Temporal. Any number of them may run: they share nothing but the database and the secrets' key. */
async function start({ config, logger, monitor }: Service) {
  const database = openDatabase({ url: requireSetting(config, 'databaseUrl') });
  const { options, namespace } = config.temporal.connection;
  const upstream = await untilAnswered('Temporal', () => openUpstream(options, namespace));
  const onRefused = createRefusalLog({
    log: logger,
    now: Date.now,
    journal: (cellId, line) => {
      const written = readCell(database, cellId).then(async (cell) => {
        if (cell)
          await appendJournal(database, cellId, [{ ...line, atMs: Math.round(gridTimeMs(cell.clock, Date.now())) }]);
      });
      written.catch((error: unknown) => logger.warn({ err: error }, 'a refusal could not be journalled'));
    },
  });
  const hours = new AnsweredHours({
    clockOf: async (cellId) => (await readCell(database, cellId))?.clock,
    store: (answered) => addHeardHours(database, answered),
    now: Date.now,
    log: logger,
  });
  let openCalls = 0;
  monitor.onScrape(() => [{ name: 'nightshift_gateway_open_calls', value: openCalls }]);
  const { host, port, tls } = config.gateway;
  const certificate = tls && (await watchCertificate(tls, { logger, monitor }));
  const gateway = await startGateway(
    { host, port, namespace, connections: config.connections, ...(certificate && { tls: certificate }) },
    {
      upstream,
      carOfKey: (key) => carOfKey(database, key),
      onRefused: (refusal, car, peer) => {
        monitor.add('nightshift_gateway_refused_total', { reason: refusal.kind });
        onRefused(refusal, car, peer);
      },
      onCall: (rpc) => {
        monitor.add('nightshift_gateway_calls_total', { rpc });
        openCalls += 1;
        return () => (openCalls -= 1);
      },
      onAttemptFailed: (jobId, message) => {
        monitor.add('nightshift_gateway_failed_attempts_total');
        recordAttemptFailure(database, jobId, message).catch((error: unknown) =>
          logger.warn({ err: error, jobId }, 'a failed attempt could not be counted'),
        );
      },
      onAnswered: (car, sinceRealMs) => {
        hours
          .answered(car, sinceRealMs)
          .catch((error: unknown) => logger.warn({ err: error }, 'an hour in which a car bid could not be kept'));
      },
      tokens: taskTokensOf(config),
      slices: sliceSignerOf(config),
      log: logger,
      now: Date.now,
    },
  );
  monitor.started([
    databaseDependency(database),
    temporalDependency(true, () =>
      upstream.call('GetSystemInfo', new Uint8Array(), { deadlineRealMs: Date.now() + MAX_PROBE_REAL_MS }),
    ),
  ]);
  return { gateway, upstream, database, hours };
}

runService('gateway', {
  start,
  stop: async ({ gateway, upstream, database, hours }) => {
    await gateway.close();
    await hours.close();
    upstream.close();
    await database.close();
  },
  stopLimitMs: STOP_LIMIT_MS,
});
