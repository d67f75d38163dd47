import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { codeOf } from '../../../domain/thrown.ts';
import { isRunning, runRecordOf, runRecordSchema } from './runRecord.ts';

const pidFileSchema = runRecordSchema.extend({ stopSignal: z.enum(['SIGTERM', 'SIGINT']) });

export type StopSignal = z.infer<typeof pidFileSchema>['stopSignal'];

export interface Orphan {
  readonly name: string;
  readonly pid: number;
  /** False when it had to be killed. */
  readonly drained: boolean;
}

const SWEEP_DRAIN_LIMIT_MS = 6_000;
const SWEEP_POLL_MS = 20;

/** Remembers the processes of a supervisor in the state folder, for the next start in case this one is killed. */
export function createPidFiles(stateDir: string) {
  const folder = join(stateDir, 'run');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const pathOf = (name: string): string => join(folder, `${name}.pid`);

  return {
    record(name: string, pid: number, stopSignal: StopSignal): void {
      const record = runRecordOf(pid);
      if (record !== undefined) writeFileSync(pathOf(name), JSON.stringify({ ...record, stopSignal }), { mode: 0o600 });
    },

    forget(name: string): void {
      rmSync(pathOf(name), { force: true });
    },

    /** Stops what an earlier supervisor left running. */
    async sweep(): Promise<Orphan[]> {
      const found = readdirSync(folder).filter((file) => file.endsWith('.pid'));
      const swept = await Promise.all(found.map((file) => sweepOne(join(folder, file))));
      return swept.filter((orphan) => orphan !== undefined);
    },
  };
}

export type PidFiles = ReturnType<typeof createPidFiles>;

async function sweepOne(path: string): Promise<Orphan | undefined> {
  const parsed = pidFileSchema.safeParse(readJson(path));
  const orphan = parsed.success && isRunning(parsed.data) ? parsed.data : undefined;
  let drained = true;
  if (orphan !== undefined) {
    signalIfRunning(orphan.pid, orphan.stopSignal);
    drained = await goneWithin(SWEEP_DRAIN_LIMIT_MS, () => isRunning(orphan));
    if (!drained) {
      signalIfRunning(orphan.pid, 'SIGKILL');
      await goneWithin(SWEEP_DRAIN_LIMIT_MS, () => isRunning(orphan));
    }
  }
  rmSync(path, { force: true });
  return orphan && { name: basename(path, '.pid'), pid: orphan.pid, drained };
}

/** Whether a process that is no child of ours, so that its end raises no event, ends within the limit. */
export async function goneWithin(limitMs: number, isAlive: () => boolean): Promise<boolean> {
  const untilMs = Date.now() + limitMs;
  while (isAlive()) {
    if (Date.now() >= untilMs) return false;
    await sleep(SWEEP_POLL_MS);
  }
  return true;
}

/** @param pid negative for a process group */
export function signalIfRunning(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
