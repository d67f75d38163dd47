import type { Logger } from 'pino';
import type { PowerGate } from '../shard/powerGate.ts';
import type { Clock } from '../../domain/clock.ts';
import { isShedding, shedOrderSchema, type ShedOrder } from '../../domain/sheds.ts';
import { OrderWatch } from './orderWatch.ts';

/**
 * Closes the gate with `grid_emergency` while a shed order is in force, in the tick in which the order comes: a shard
 * under way is paused, not given up. It clears it at the car's own instant of resumption, by the car's own clock.
 */
export function watchSheds(gate: PowerGate, clock: Clock, log: Logger): OrderWatch<ShedOrder> {
  return new OrderWatch(
    {
      schema: shedOrderSchema,
      apply: (order, nowMs) => {
        if (order !== undefined && isShedding(order, nowMs)) gate.close('grid_emergency');
        else gate.clear('grid_emergency');
      },
      boundsMs: ({ startMs, resumeAtMs }) => [startMs, resumeAtMs],
    },
    clock,
    log,
  );
}
