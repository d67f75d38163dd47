import type { Logger } from 'pino';
import type { HardwareClass } from '../../domain/hardwareClasses.ts';
import { HARDWARE_CLASSES } from '../../domain/hardwareClasses.ts';
import type { LeaveReason } from '../../domain/shards.ts';
import { computeCapKw, mustStopComputing } from '../../scheduler/energy/compute.ts';
import type { CarConditions, CarHost } from '../../simulator/carHost.ts';
import type { AgentVehicle, VehicleAgent } from '../agent/vehicleAgent.ts';
import type { CuttableLink } from './cuttableLink.ts';

/** Reasons that come from the car, with the condition under which each holds. */
const CAR_REASONS: Partial<Record<LeaveReason, (car: CarConditions) => boolean>> = {
  gear_out_of_park: ({ gear }) => gear !== 'P',
  unplugged: ({ pluggedIn }) => !pluggedIn,
  too_hot: ({ ambientC }) => mustStopComputing(ambientC),
};

/** The simulated car as its agent sees it. */
export function agentVehicle(host: CarHost): AgentVehicle {
  const { vehicleId, regionId, hardwareClass } = host;
  return {
    vehicleId,
    regionId,
    hardwareClass,
    computeKw: () => plugKwOf(hardwareClass, host.conditions().ambientC),
    computeDraw: (kw) => host.computeDraw(kw),
  };
}

function plugKwOf(hardwareClass: HardwareClass, ambientC: number): number {
  return computeCapKw(HARDWARE_CLASSES[hardwareClass].chipKw, ambientC);
}

/**
 * Lets the agent live as long as the car is awake and has power, closes its gate when the car leaves and opens it
 * when the car is back.
 * @returns a function that looks at the car again; call it a few times a second
 */
export function boardAgent(host: CarHost, agent: VehicleAgent, link: CuttableLink, log: Logger): () => void {
  let turn: Promise<void> = Promise.resolve();
  // One after the other: a car that falls asleep while its agent still starts would else leave it running.
  const next = (change: () => Promise<void>): void => {
    turn = turn.then(change).catch((error: unknown) => log.error({ err: error }, 'the agent did not follow the car'));
  };
  host.listen({
    onAwake: (awake) => next(() => (awake ? agent.start() : agent.stop())),
    onPower: (up) => next(() => (up ? agent.start() : agent.cutPower())),
    onNetwork: (up) => link.setUp(up),
    onLeave: (reason) => agent.gate.close(reason),
  });
  const look = (): void => {
    const conditions = host.conditions();
    for (const [reason, holds] of Object.entries(CAR_REASONS) as [LeaveReason, (car: CarConditions) => boolean][]) {
      if (holds(conditions)) agent.gate.close(reason);
      else agent.gate.clear(reason);
    }
  };
  look();
  const { awake, powered, networkUp } = host.conditions();
  link.setUp(networkUp);
  if (awake && powered) next(() => agent.start());
  return look;
}
