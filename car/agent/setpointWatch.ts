import type { Logger } from 'pino';
import type { PowerGate } from '../shard/powerGate.ts';
import type { Clock } from '../../domain/clock.ts';
import { setpointAt, setpointProfileSchema, type SetpointProfile } from '../../domain/setpoints.ts';
import { OrderWatch } from './orderWatch.ts';

/**
 * Opens and closes the gate by the newest profile and the car's own clock: closed with `slot_over` unless an interval
 * that leaves power to compute is in force. Two such intervals in a row leave it open. An expired profile closes it.
 * @param onFollowed told of the profile in force when it comes, and in each of its slots
 */
export function watchSetpoints(
  gate: PowerGate,
  clock: Clock,
  log: Logger,
  onFollowed: (profile: SetpointProfile) => void = () => {},
): OrderWatch<SetpointProfile> {
  return new OrderWatch(
    {
      schema: setpointProfileSchema,
      apply: (profile, nowMs) => {
        const interval = profile && setpointAt(profile, nowMs);
        if (interval !== undefined && interval.computeKw > 0) gate.clear('slot_over');
        else gate.close('slot_over');
        if (profile && interval) onFollowed(profile);
      },
      boundsMs: ({ intervals }) => intervals.flatMap(({ startMs, endMs }) => [startMs, endMs]),
    },
    clock,
    log,
  );
}
