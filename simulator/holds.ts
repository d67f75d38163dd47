import type { LeaveReason } from '../domain/shards.ts';
import { mayStartComputing, mustStopComputing } from '../scheduler/energy/compute.ts';

export interface HoldInput {
  readonly gear: 'P' | 'D';
  readonly pluggedIn: boolean;
  readonly ambientC: number;
  readonly socPercent: number;
  readonly computeSocFloorPercent: number;
}

/**
 * What speaks against computing now, in the order in which people would name it.
 * @param held what spoke against it before: a car that was too hot has to cool down further than one that was not.
 */
export function holdsOf(input: HoldInput, held: readonly LeaveReason[]): LeaveReason[] {
  const tooHot = held.includes('too_hot') ? !mayStartComputing(input.ambientC) : mustStopComputing(input.ambientC);
  const holds: [LeaveReason, boolean][] = [
    ['gear_out_of_park', input.gear !== 'P'],
    ['unplugged', !input.pluggedIn],
    ['too_hot', tooHot],
    ['soc_below_floor', input.socPercent < input.computeSocFloorPercent],
  ];
  return holds.filter(([, holding]) => holding).map(([reason]) => reason);
}
