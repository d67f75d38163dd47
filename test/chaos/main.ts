/**
 * Disturbs the whole stack, round by round, and checks after each one that nothing that was accepted is lost:
 *
 *     npm run chaos -- [--rounds 10] [--seed 1] [--longest-seconds 30] [--from 1]
 *
 * `--from` leaves out the rounds before it, to go on with a run. Exit code 1: a promise was broken; the logs are kept.
 */
import { cp } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../../domain/thrown.ts';
import { planRounds, randomOf, type Disturbance } from './plan.ts';
import { playRound, REQUESTS, undisturbedRuns, type RoundResult } from './rounds.ts';
import { World } from './world.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    'longest-seconds': { type: 'string', default: '30' },
    from: { type: 'string', default: '1' },
  },
});
const rounds = wholeNumber('rounds');
const from = wholeNumber('from');
const seed = wholeNumber('seed');
const longestMs = wholeNumber('longest-seconds') * 1_000;
/** Grid days in a round of two minutes, at the night's scale. */
const DAYS_PER_ROUND = 1 / 3;

function wholeNumber(name: keyof typeof values): number {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < 1)
    throw new RangeError(`--${name} must be a whole number above 0, got "${values[name]}"`);
  return value;
}

/** Without what an earlier round has found: a promise stays broken. */
function news(checks: RoundResult['checks'], known: Set<string>): RoundResult['checks'] {
  const fresh = Object.entries(checks).map(
    ([name, found]) => [name, found.filter((each) => !known.has(each))] as const,
  );
  for (const [, found] of fresh) for (const each of found) known.add(each);
  return Object.fromEntries(fresh);
}

function roundText(number: number, { target, manner, atAnswered, lastsMs }: Disturbance, result: RoundResult): string {
  const verdicts = Object.entries(result.checks).map(
    ([name, found]) => `${name}: ${found.length === 0 ? 'yes' : 'NO'}`,
  );
  const lines = [
    `${number}. ${manner} ${target}${lastsMs > 0 ? ` for ${lastsMs / 1_000} s` : ''} at ${atAnswered} answered; ` +
      `all answered ${(result.recoveredMs / 1_000).toFixed(1)} s after; ${verdicts.join(', ')}` +
      (result.fellToo.length > 0 ? `; ended too: ${result.fellToo.join(', ')}` : ''),
    ...Object.values(result.checks).flatMap((found) => found.map((violation) => `     ${violation}`)),
  ];
  return lines.join('\n');
}

async function main(): Promise<number> {
  const planned = planRounds({ rounds, seed, requests: REQUESTS, longestMs });
  const known = new Set<string>();
  let violated = 0;
  const world = await World.start(Math.ceil((rounds - from + 1) * DAYS_PER_ROUND) + 1);
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  try {
    const undisturbed = await undisturbedRuns(world);
    for (const [index, disturbance] of planned.entries()) {
      const number = index + 1;
      if (number < from) continue;
      if (interrupted.signal.aborted) break;
      // A round that cannot be played is a finding, too, and does not keep the others from being played.
      const played = await playRound(world, disturbance, undisturbed, randomOf(seed, number)).catch(
        (error: unknown): RoundResult => ({
          recoveredMs: 0,
          fellToo: [],
          checks: { played: [messageOf(error)] },
        }),
      );
      const result = { ...played, checks: news(played.checks, known) };
      console.log(roundText(number, disturbance, result));
      if (Object.values(result.checks).every((found) => found.length === 0)) continue;
      violated += 1;
      const kept = join('.nightshift', 'chaos', `seed-${seed}-round-${number}`);
      await cp(join(world.stack.stateDir, 'logs'), kept, { recursive: true });
      console.log(`     logs: ${kept}`);
    }
  } finally {
    await world.close();
  }
  const load = loadavg().map((value) => value.toFixed(1));
  console.log(`${violated} of ${rounds - from + 1} rounds broke a promise (seed ${seed}, load ${load.join(', ')})`);
  return violated > 0 ? 1 : 0;
}

process.exitCode = await main();
