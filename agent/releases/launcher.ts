import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import {
  committed,
  readSlots,
  returned,
  slotFolder,
  trialBegun,
  writeSlots,
  type Slot,
  type SlotState,
} from './slots.ts';

/** What a release that is tried says to its launcher once it works: it reaches the cell, and computes. */
export const HEALTHY = 'healthy';

export interface LauncherOptions {
  readonly stateDir: string;
  /** The program of the installation itself. */
  readonly baseEntry: string;
  /** For the agent, whichever release it is. */
  readonly args: readonly string[];
  readonly log: Logger;
  /** When it is to end. */
  readonly stop: AbortSignal;
  /** Real time that a release has to say that it is healthy. */
  readonly healthLimitMs?: number;
  /** Real time that it must then go on. */
  readonly probationMs?: number;
}

const HEALTH_LIMIT_MS = 180_000;
const PROBATION_MS = 60_000;
/** As the service manager gives: a shard under way stores what it has. */
const DRAIN_LIMIT_MS = 55_000;

/**
 * Runs the agent from the release that is in use, and a new release on trial: it is used from then on only if it says
 * that it is healthy and goes on for a while. If not, the one before goes on, and the new one is never tried again.
 * This program belongs to the installation, not to a release, so that no release can break it.
 * @returns the exit code of an agent that ended without another release to try
 */
export async function launchAgent(options: LauncherOptions): Promise<number> {
  const { stateDir, log, stop } = options;
  for (;;) {
    const state = await readSlots(stateDir);
    if (state.trial) {
      await tryRelease(options, state);
      if (stop.aborted) return 0;
      continue;
    }
    const agent = startAgent(options, state.active, state.entry);
    const code = await endOf(agent, stop);
    if (stop.aborted) return code;
    // It has put the next release in its folder, and ended for it.
    if ((await readSlots(stateDir)).trial === null) return code;
    log.info('the agent has ended for its next release');
  }
}

/** Ends when the release was given up, or has ended after it had proved itself. */
async function tryRelease(options: LauncherOptions, before: SlotState): Promise<void> {
  const { stateDir, log, stop, healthLimitMs = HEALTH_LIMIT_MS, probationMs = PROBATION_MS } = options;
  const begun = trialBegun(before);
  const { trial } = begun ?? {};
  if (!begun || !trial) {
    log.error({ trial: before.trial }, 'a release never came to prove itself: the one before goes on');
    return writeSlots(stateDir, returned(before));
  }
  // Before it is started: a computer that loses its power in a trial must not try for ever.
  await writeSlots(stateDir, begun);
  log.info({ version: trial.version, start: trial.starts }, 'a release is tried');
  const agent = startAgent(options, trial.slot, trial.entry);
  const ended = endOf(agent, stop);
  const proved = (async () => {
    await saysHealthy(agent);
    await sleep(probationMs, undefined, { ref: false });
    return true;
  })();
  const limit = sleep(healthLimitMs + probationMs, false, { ref: false });
  const isGood = await Promise.race([proved, ended.then(() => false), limit]);
  // Whoever stops a computer does not judge a release.
  if (stop.aborted) return void (await ended);
  if (isGood) {
    await writeSlots(stateDir, committed(begun));
    log.info({ version: trial.version }, 'a release has proved itself and is used from now on');
    await ended;
    return;
  }
  await writeSlots(stateDir, returned(begun));
  log.error({ version: trial.version, was: before.version }, 'a release did not prove itself: the one before goes on');
  agent.kill('SIGTERM');
  const kill = setTimeout(() => agent.kill('SIGKILL'), DRAIN_LIMIT_MS);
  await ended;
  clearTimeout(kill);
}

async function saysHealthy(agent: ChildProcess): Promise<void> {
  await new Promise<void>((resolve) => {
    agent.on('message', (said) => {
      if (said === HEALTHY) resolve();
    });
  });
}

function startAgent({ stateDir, baseEntry, args }: LauncherOptions, slot: Slot, entry: string | null): ChildProcess {
  const isBase = slot === 'base' || entry === null;
  const program = isBase ? baseEntry : join(slotFolder(stateDir, slot), entry);
  return fork(program, [...args], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

/** @returns its exit code; one that a signal has ended counts as failed */
async function endOf(agent: ChildProcess, stop: AbortSignal): Promise<number> {
  const drain = (): void => void agent.kill('SIGTERM');
  if (stop.aborted) drain();
  stop.addEventListener('abort', drain, { once: true });
  try {
    return await new Promise((resolve) => {
      agent.once('exit', (code) => resolve(code ?? 1));
      agent.once('error', () => resolve(1));
    });
  } finally {
    stop.removeEventListener('abort', drain);
  }
}
