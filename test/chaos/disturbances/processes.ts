import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../support/eventually.ts';
import { descendantsOf, isAlive, runnersOf } from '../../e2e/support/processes.ts';
import type { Random } from '../../../domain/random.ts';
import type { ProcessName, World } from '../world.ts';

const RESTART_LIMIT_MS = 60_000;
const RUNNER_LIMIT_MS = 30_000;

export type Victim = ProcessName | 'agent' | 'runner';

/** kill -9; resolves once another one runs in its place. A runner is only started again when its car has work. */
export async function kill(world: World, victim: Victim, random: Random): Promise<void> {
  const pid = await pidOf(world, victim, random);
  process.kill(pid, 'SIGKILL');
  if (victim === 'runner') return;
  await eventually(`${victim} is started again`, RESTART_LIMIT_MS, async () => {
    const now = await pidOf(world, victim, random);
    return (now !== pid && isAlive(now)) || undefined;
  });
}

/** SIGSTOP for a while, with all that the process has started. */
export async function stop(world: World, victim: Victim, random: Random, lastsMs: number): Promise<void> {
  const pid = await pidOf(world, victim, random);
  // Its children first would be started again by a process that still runs.
  const stopped = [pid, ...descendantsOf(pid).map((child) => child.pid)].filter((each) => signal(each, 'SIGSTOP'));
  try {
    await sleep(lastsMs);
  } finally {
    for (const each of stopped) signal(each, 'SIGCONT');
  }
}

async function pidOf(world: World, victim: Victim, random: Random): Promise<number> {
  if (victim === 'agent') return world.agent.pid;
  if (victim !== 'runner') return world.pidOf(victim);
  const runners = await eventually('a runner is there', RUNNER_LIMIT_MS, async () => {
    const pids = [...(await world.stack.runnerPids()), ...runnersOf(world.agent.pid)];
    return pids.length > 0 ? pids : undefined;
  });
  return runners[Math.floor(random() * runners.length)] ?? 0;
}

/** @returns whether the process was there */
function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
