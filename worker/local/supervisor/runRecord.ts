import { z } from 'zod';
import { processStart } from './processStart.ts';

/** Says which process holds something, in a way that a reused pid cannot be taken for it. */
export const runRecordSchema = z.object({ pid: z.number().int().positive(), start: z.string() });
export type RunRecord = z.infer<typeof runRecordSchema>;

/** Undefined when the process is gone already. */
export function runRecordOf(pid: number): RunRecord | undefined {
  const start = processStart(pid);
  return start === undefined ? undefined : { pid, start };
}

export function isRunning({ pid, start }: RunRecord): boolean {
  return processStart(pid) === start;
}
