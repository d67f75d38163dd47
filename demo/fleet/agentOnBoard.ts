import pLimit from 'p-limit';
import type { Logger } from 'pino';
import type { CarHost } from '../../simulator/carHost.ts';
import type { VehicleAgent } from '../../car/agent/vehicleAgent.ts';
import type { CuttableLink } from './cuttableLink.ts';

/**
 * Lets the agent live as long as the car is awake and has power, holds its gate while the car says so, and cuts its
 * link where the car has no coverage.
 */
export function boardAgent(host: CarHost, agent: VehicleAgent, link: CuttableLink, log: Logger): void {
  const oneAtATime = pLimit(1);
  // One after the other: a car that falls asleep while its agent still starts would else leave it running.
  const next = (change: () => Promise<void>): void => {
    oneAtATime(change).catch((error: unknown) => log.error({ err: error }, 'the agent did not follow the car'));
  };
  host.listen({
    onAwake: (awake) => next(() => (awake ? agent.start() : agent.stop())),
    onPower: (up) => next(() => (up ? agent.start() : agent.cutPower())),
    onNetwork: (up) => link.setUp(up),
    onHold: (reason) => agent.gate.close(reason),
    onRelease: (reason) => agent.gate.clear(reason),
  });
  const { awake, powered, networkUp, holds } = host.conditions();
  link.setUp(networkUp);
  for (const reason of holds) agent.gate.close(reason);
  if (awake && powered) next(() => agent.start());
}
