import { fileURLToPath } from 'node:url';
import { createLogger, type Logger } from '../process/logging.ts';
import { startTraces } from '../process/traces.ts';
import { installTemporalRuntime } from '../process/temporalRuntime.ts';
import type { AgentConfig } from '../../agent/agentConfig.ts';
import { startHostAgent, type HostAgent } from '../../agent/hostAgent.ts';
import { followReleases } from '../../agent/releases/followReleases.ts';
import { HEALTHY } from '../../agent/releases/launcher.ts';
import { proveHealth } from '../../agent/releases/proveHealth.ts';
import { serviceManagerOf } from '../../agent/watchdog.ts';

/** Of this installation, above `dist/`. */
const OWN_FOLDER = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * Runs the agent until SIGTERM or SIGINT, at which it drains: a shard under way stores what is computed and is given back.
 * Started by a launcher, it says when it is healthy, and ends when its next release lies ready and no shard runs.
 * @throws NightshiftError when the agent cannot begin or go on
 */
export async function runAgent(config: AgentConfig): Promise<void> {
  const log = createLogger('agent', config.logLevel).child({ vehicleId: config.carId });
  installTemporalRuntime(log);
  const traces = config.traces && startTraces(config.traces, 'car');
  const manager = serviceManagerOf(process.env, log);
  const stopped = new Promise<void>((resolve) => {
    // Each time: a second signal that nobody heard would end the process in the middle of its shard.
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve());
  });
  const starting = startHostAgent(config, log);
  const agent = await Promise.race([starting, stopped.then(() => undefined)]);
  if (!agent) return;
  manager.ready();
  const leaving = new AbortController();
  try {
    await Promise.race([stopped, agent.failed, untilNextRelease(config, agent, log, leaving.signal)]);
  } finally {
    leaving.abort();
    manager.stopping();
    await agent.stop();
    await traces?.close();
  }
}

/** Never resolves where no launcher could start the next release. */
async function untilNextRelease(
  config: AgentConfig,
  agent: HostAgent,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { releases } = config;
  if (!releases || !process.send) return new Promise(() => {});
  const tell = process.send.bind(process);
  // Of a release that is used already, the launcher takes no notice.
  proveHealth(config, log, signal).then(
    () => tell(HEALTHY),
    () => undefined,
  );
  await followReleases({ config: { ...config, releases }, baseFolder: OWN_FOLDER, log, signal });
  await agent.finish();
}
