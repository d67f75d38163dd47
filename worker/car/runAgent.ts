import { once } from 'node:events';
import { createLogger } from '../process/logging.ts';
import { startTraces } from '../process/traces.ts';
import { installTemporalRuntime } from '../process/temporalRuntime.ts';
import type { AgentConfig } from '../../agent/agentConfig.ts';
import { startHostAgent } from '../../agent/hostAgent.ts';
import { serviceManagerOf } from '../../agent/watchdog.ts';

/**
 * Runs the agent until SIGTERM or SIGINT, at which it drains: a shard under way stores what is computed and is given back.
 * @throws NightshiftError when the agent cannot begin or go on
 */
export async function runAgent(config: AgentConfig): Promise<void> {
  const log = createLogger('agent', config.logLevel).child({ vehicleId: config.carId });
  installTemporalRuntime(log);
  const traces = config.traces && startTraces(config.traces, 'car');
  const manager = serviceManagerOf(process.env, log);
  const stopped = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  const starting = startHostAgent(config, log);
  const agent = await Promise.race([starting, stopped.then(() => undefined)]);
  if (!agent) return;
  manager.ready();
  try {
    await Promise.race([stopped, agent.failed]);
  } finally {
    manager.stopping();
    await agent.stop();
    await traces?.close();
  }
}
