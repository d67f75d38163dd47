import type { Context } from '@temporalio/activity';
import type { ActivityInterceptors } from '@temporalio/worker';

const HEARTBEAT_EVERY_MS = 1_000;

/**
 * Heartbeats for every activity that has a heartbeat timeout, for as long as it runs: the server then gives the
 * activities of a killed worker to the next one within seconds, not when their longest time is over.
 */
export function heartbeatWhileAlive(context: Context): ActivityInterceptors {
  return {
    inbound: {
      async execute(input, next) {
        if (context.info.heartbeatTimeoutMs === undefined) return next(input);
        const heartbeats = setInterval(() => context.heartbeat(), HEARTBEAT_EVERY_MS);
        try {
          return await next(input);
        } finally {
          clearInterval(heartbeats);
        }
      },
    },
  };
}
