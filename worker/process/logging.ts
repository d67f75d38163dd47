import { pino, type Logger } from 'pino';
import { currentLogIds } from '../../domain/logContext.ts';
import type { LogLevel } from '../../config/keys.ts';

export type { Logger } from 'pino';

/**
 * One JSON object a line on standard output, which the supervisor keeps in the state folder.
 * @param name of the process, on every line
 */
export function createLogger(name: string, level: LogLevel): Logger {
  return pino({
    name,
    level,
    mixin: () => ({ ...currentLogIds() }),
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: ['databaseUrl', 'apiKey', '*.apiKey', 'password', '*.password', 'environment'],
  });
}
