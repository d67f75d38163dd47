import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { messageOf } from '../../../domain/thrown.ts';

/** What a child tells its supervisor. */
export const childMessageSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready') }),
  z.object({ kind: z.literal('failed'), reason: z.string() }),
]);
type ChildMessage = z.infer<typeof childMessageSchema>;

const EXIT_CODES = { drained: 0, failed: 1, drainLimit: 2 } as const;

/** Below the stop limits of the local stack, so that a child reports its own slow drain instead of being killed. */
const STOP_LIMIT_MS = 2_800;

interface ChildProgram<Running> {
  /** Resolves once the process can be used. */
  readonly start: () => Promise<Running>;
  /** Drains: takes nothing new, finishes or hands back what it has. */
  readonly stop: (running: Running) => Promise<void>;
  readonly stopLimitMs?: number;
}

/**
 * Runs the main of a process: tells the supervisor when it is ready, drains at SIGTERM and SIGINT, and also when the
 * supervisor has gone, since nobody would ever stop it then. Works without a supervisor too. Exits the process with one
 * of `EXIT_CODES`.
 */
export function runChild<Running>({ start, stop, stopLimitMs = STOP_LIMIT_MS }: ChildProgram<Running>): void {
  const starting = start();
  starting.then(
    () => tell({ kind: 'ready' }),
    async (error: unknown) => {
      console.error(error);
      await tell({ kind: 'failed', reason: messageOf(error) });
      process.exit(EXIT_CODES.failed);
    },
  );

  let stopping = false;
  const drain = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    const drained = starting.then(stop).then(
      () => EXIT_CODES.drained,
      (error: unknown) => {
        console.error(error);
        return EXIT_CODES.failed;
      },
    );
    process.exit(await Promise.race([drained, sleep(stopLimitMs, EXIT_CODES.drainLimit)]));
  };
  process.on('SIGTERM', () => void drain());
  process.on('SIGINT', () => void drain());
  process.on('disconnect', () => void drain());
}

/** Resolves once the message is handed over, also when nobody listens. */
function tell(message: ChildMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) return resolve();
    process.send(message, undefined, {}, () => resolve());
  });
}
