import { createLogger } from '../process/logging.ts';
import type { AgentConfig } from '../../agent/agentConfig.ts';
import { launchAgent } from '../../agent/releases/launcher.ts';

/** Runs the agent from its releases until SIGTERM or SIGINT. @returns the exit code of an agent that ended by itself */
export async function launch(config: AgentConfig, configFile: string): Promise<number> {
  const log = createLogger('launcher', config.logLevel).child({ vehicleId: config.carId });
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  // Each time: a second signal that nobody heard would end this process before its agent.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop);
  return launchAgent({
    stateDir: config.stateDir,
    baseEntry: process.argv[1] ?? '',
    args: ['agent', 'run', configFile],
    log,
    stop: stopping.signal,
  });
}
