import { Connection } from '@temporalio/client';
import { createRefusalLog } from '../../api/gateway/refusalLog.ts';
import { startGateway } from '../../api/gateway/server.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { recordAttemptFailure } from '../../store/attemptFailures.ts';
import { carOfKey } from '../../store/carKeys.ts';
import { readCell } from '../../store/cells.ts';
import { openDatabase } from '../../store/database.ts';
import { appendJournal } from '../../store/journal.ts';
import { loadConfig } from '../../config/config.ts';
import { runChild } from '../local/supervisor/child.ts';
import { createLogger } from '../process/logging.ts';
import { readTls } from '../process/readTls.ts';
import { requireSetting } from '../process/requireSetting.ts';
import { sliceSignerOf, taskTokensOf } from '../process/secretsSeal.ts';
import { untilAnswered } from '../process/untilAnswered.ts';

/** Below its stop limit in the local stack. */
const STOP_LIMIT_MS = 800;

/** The cars' door to Temporal. Any number of them may run: they share nothing but the database and the secrets' key. */
async function start() {
  const config = loadConfig({ env: process.env, cwd: process.cwd() });
  const logger = createLogger('gateway', config.logLevel);
  const database = openDatabase({ url: requireSetting(config, 'databaseUrl') });
  const { options, namespace } = config.temporal.connection;
  // Cars try again by themselves: a call that was tried again here too would be tried for too long.
  const connection = await untilAnswered('Temporal', () => Connection.connect({ ...options, interceptors: [] }));
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
  const { host, port, tls } = config.gateway;
  const gateway = await startGateway(
    { host, port, namespace, connections: config.connections, ...(tls && { tls: await readTls(tls) }) },
    {
      upstream: {
        service: connection.workflowService,
        withDeadline: (deadline, work) => connection.withDeadline(deadline, work),
        withAbortSignal: (signal, work) => connection.withAbortSignal(signal, work),
      },
      carOfKey: (key) => carOfKey(database, key),
      onRefused,
      onAttemptFailed: (jobId, message) => {
        recordAttemptFailure(database, jobId, message).catch((error: unknown) =>
          logger.warn({ err: error, jobId }, 'a failed attempt could not be counted'),
        );
      },
      tokens: taskTokensOf(config),
      slices: sliceSignerOf(config),
      log: logger,
      now: Date.now,
    },
  );
  return { gateway, connection, database };
}

runChild({
  start,
  stop: async ({ gateway, connection, database }) => {
    await gateway.close();
    await connection.close();
    await database.close();
  },
  stopLimitMs: STOP_LIMIT_MS,
});
