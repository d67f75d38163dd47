import type { Random } from '../../../domain/random.ts';
import type { Disturbance } from '../plan.ts';
import type { World } from '../world.ts';
import { cutOff } from './cutOff.ts';
import { kill, stop } from './processes.ts';
import { storeFault } from './storeFault.ts';

/** Resolves once the disturbance is over: what was killed runs again, what was stopped goes on, what was cut is open. */
export async function disturb(world: World, disturbance: Disturbance, random: Random): Promise<void> {
  const { lastsMs } = disturbance;
  switch (disturbance.manner) {
    case 'kill':
      return kill(world, disturbance.target, random);
    case 'stop':
      return stop(world, disturbance.target, random, lastsMs);
    case 'refuse':
    case 'silence':
      return cutOff(world, disturbance.target, disturbance.manner, lastsMs);
    case 'read_only':
    case 'full':
      return storeFault(world, disturbance.manner, lastsMs);
  }
}
