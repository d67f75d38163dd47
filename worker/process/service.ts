import { loadConfig, type Config } from '../../config/config.ts';
import type { ProcessName } from '../../domain/metrics.ts';
import { runChild } from '../local/supervisor/child.ts';
import { createLogger, type Logger } from './logging.ts';
import { startTraces } from './traces.ts';
import { startMonitor, type Monitor } from './monitor/monitor.ts';

/** What every process of a cell begins with. */
export interface Service {
  readonly config: Config;
  readonly logger: Logger;
  readonly monitor: Monitor;
}

/**
 * Runs a process of a cell: its config, its log and its own port for metrics and probes, which answers from the first
 * moment on; then as `runChild`. `start` says when it is ready, by `monitor.started`.
 */
export function runService<Running>(
  name: ProcessName,
  program: {
    readonly start: (service: Service) => Promise<Running>;
    readonly stop: (running: Running) => Promise<void>;
    readonly stopLimitMs?: number;
  },
): void {
  const { start, stop, ...limits } = program;
  runChild({
    ...limits,
    start: async () => {
      const config = loadConfig({ env: process.env, cwd: process.cwd() });
      const logger = createLogger(name, config.logLevel);
      const traces = config.traces && startTraces(config.traces, name);
      const monitor = await startMonitor(name, config, logger);
      return { monitor, traces, running: await start({ config, logger, monitor }) };
    },
    stop: async ({ monitor, traces, running }) => {
      monitor.stopping();
      await stop(running);
      await Promise.all([monitor.close(), traces?.close()]);
    },
  });
}
