import { once } from 'node:events';
import { createServer } from 'node:net';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { idsOfWorkflow } from '../../domain/logContext.ts';
import type { Logger } from './logging.ts';

const PINO_LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

/**
 * Once a process, before any Worker: the SDK's lines go to our log, and signals are ours to handle.
 * @param metricsPort of loopback, at which the SDK's core exposes its own metrics
 */
export function installTemporalRuntime(logger: Logger, metricsPort?: number): void {
  Runtime.install({
    logger: new DefaultLogger('INFO', ({ level, message, meta }) => {
      const { workflowId } = meta ?? {};
      const ids = typeof workflowId === 'string' ? idsOfWorkflow(workflowId) : {};
      logger[PINO_LEVELS[level]]({ ...meta, ...ids }, message);
    }),
    // Else every Worker drains at the signal by itself, before the process has stopped what needs it.
    shutdownSignals: [],
    ...(metricsPort !== undefined && {
      telemetryOptions: {
        metrics: {
          prometheus: {
            bindAddress: `127.0.0.1:${metricsPort}`,
            countersTotalSuffix: true,
            unitSuffix: true,
            useSecondsForDurations: true,
          },
        },
      },
    }),
  });
}

/** A port of loopback that is free now: the core takes none by itself, and tells none. */
export async function freeLoopbackPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('loopback gave no port');
  return address.port;
}
