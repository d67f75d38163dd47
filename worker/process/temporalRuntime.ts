import { DefaultLogger, Runtime } from '@temporalio/worker';
import type { Logger } from './logging.ts';

const PINO_LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

/** Once a process, before any Worker: the SDK's lines go to our log, and signals are ours to handle. */
export function installTemporalRuntime(logger: Logger): void {
  Runtime.install({
    logger: new DefaultLogger('INFO', ({ level, message, meta }) => {
      logger[PINO_LEVELS[level]]({ ...meta }, message);
    }),
    // Else every Worker drains at the signal by itself, before the process has stopped what needs it.
    shutdownSignals: [],
  });
}
