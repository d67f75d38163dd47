import { chmodSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NightshiftError } from '../../../domain/errors.ts';
import { codeOf } from '../../../domain/thrown.ts';
import { isRunning, runRecordOf, runRecordSchema, type RunRecord } from './runRecord.ts';

const LOCK_NAME = /^supervisor\.(\d+)\.lock$/;
const lockName = (generation: number): string => `supervisor.${generation}.lock`;

/**
 * Takes the state folder for this process, so that two supervisors never run the same databases.
 *
 * A lock whose holder is dead is never replaced in place, since two starters could both find it dead and the slower one
 * would remove the lock of the faster. The next generation is created instead, which only one of them can.
 * @returns gives the folder back
 * @throws NightshiftError `state_folder_in_use`
 */
export function lockStateDir(stateDir: string): () => void {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  // One that was made by an earlier version is closed too: it holds keys, answers and logs.
  chmodSync(stateDir, 0o700);
  const own = runRecordOf(process.pid);
  if (own === undefined) return () => {};

  const draft = join(stateDir, `supervisor.${process.pid}.draft`);
  writeFileSync(draft, JSON.stringify(own), { mode: 0o600 });
  try {
    for (;;) {
      const generations = lockedGenerations(stateDir);
      refuseIfHeld(stateDir, generations);
      const generation = Math.max(0, ...generations) + 1;
      if (!linkIfAbsent(draft, join(stateDir, lockName(generation)))) continue;

      for (const stale of generations) rmSync(join(stateDir, lockName(stale)), { force: true });
      return () => rmSync(join(stateDir, lockName(generation)), { force: true });
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

function lockedGenerations(stateDir: string): number[] {
  return readdirSync(stateDir).flatMap((name) => {
    const generation = LOCK_NAME.exec(name)?.[1];
    return generation === undefined ? [] : [Number(generation)];
  });
}

function refuseIfHeld(stateDir: string, generations: readonly number[]): void {
  for (const generation of generations) {
    const holder = readLock(join(stateDir, lockName(generation)));
    if (holder === undefined || !isRunning(holder)) continue;
    throw new NightshiftError(
      'state_folder_in_use',
      `The state folder ${stateDir} is in use by process ${holder.pid}. Stop that one, or set NIGHTSHIFT_STATE_DIR (stateDir) to another folder.`,
      { field: 'stateDir' },
    );
  }
}

function readLock(path: string): RunRecord | undefined {
  try {
    return runRecordSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}

/** A hard link appears with its whole content or not at all, unlike a file that is created and then written. */
function linkIfAbsent(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}
