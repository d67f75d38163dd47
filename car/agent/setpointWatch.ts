import type { Logger } from 'pino';
import type { PowerGate } from '../shard/powerGate.ts';
import type { Clock } from '../../domain/clock.ts';
import { setpointAt, setpointProfileSchema, type SetpointProfile } from '../../domain/setpoints.ts';
import { OrderWatch } from './orderWatch.ts';

/**
 * Opens and closes the gate by the newest profile and the car's own clock: closed with `slot_over` unless an interval
 * that leaves power to compute is in force. Two such intervals in a row leave it open. An expired profile closes it.
 * @param onProfile told of each profile that is taken
 */
export function watchSetpoints(
  gate: PowerGate,
  clock: Clock,
  log: Logger,
  onProfile: (profile: SetpointProfile) => void = () => {},
): OrderWatch<SetpointProfile> {
  return new OrderWatch(
    {
      schema: setpointProfileSchema,
      apply: (profile, nowMs) => {
        const interval = profile && setpointAt(profile, nowMs);
        if (interval !== undefined && interval.computeKw > 0) gate.clear('slot_over');
        else gate.close('slot_over');
      },
      onReceived: onProfile,
      boundsMs: ({ intervals }) => intervals.flatMap(({ startMs, endMs }) => [startMs, endMs]),
    },
    clock,
    log,
  );
}
