import { seededRandom, type Random } from '../../domain/random.ts';
import { derivedSeed } from '../../simulator/random.ts';

/**
 * What a round does to whom: `kill` is kill -9; `stop` is SIGSTOP for a while; `refuse` breaks every connection and takes
 * no new one for a while, as a host that is down; `silence` lets connections hang, as a network that drops packets;
 * `read_only` and `full` refuse what is written, as a store without rights or room.
 */
const TARGETS = {
  kill: ['control', 'api', 'gateway', 'fleet', 'agent', 'runner', 'temporal', 'postgres'],
  stop: ['control', 'api', 'gateway', 'fleet', 'agent', 'runner', 'temporal', 'postgres'],
  refuse: ['api', 'gateway', 'broker', 'temporal', 'postgres', 'store'],
  silence: ['api', 'gateway', 'broker', 'temporal', 'postgres', 'store'],
  read_only: ['store'],
  full: ['store'],
} as const;

type Targets = typeof TARGETS;

export type Manner = keyof Targets;

/** Which one is disturbed, and how. */
type Kind = { readonly [Each in Manner]: { readonly manner: Each; readonly target: Targets[Each][number] } }[Manner];

export type Disturbance = Kind & {
  /** Answered requests of the round's batch at which it begins. */
  readonly atAnswered: number;
  /** How long it lasts, real time; 0 for a kill. */
  readonly lastsMs: number;
};

export interface PlanOptions {
  readonly rounds: number;
  readonly seed: number;
  /** Requests of a round's batch. */
  readonly requests: number;
  /** Real time; other disturbances last a sixth, a third or two thirds of it. */
  readonly longestMs: number;
}

const SHARES = [1 / 6, 1 / 3, 2 / 3, 1] as const;

/** The rounds of a run: the same ones for the same options, and every disturbance once before any comes again. */
export function planRounds({ rounds, seed, requests, longestMs }: PlanOptions): Disturbance[] {
  const random = seededRandom(seed);
  const kinds = Object.entries(TARGETS).flatMap(([manner, targets]) =>
    targets.map((target) => ({ manner, target }) as Kind),
  );
  const planned: Disturbance[] = [];
  while (planned.length < rounds) {
    for (const kind of shuffled(kinds, random)) {
      const share = SHARES[Math.floor(random() * SHARES.length)] ?? 1;
      planned.push({
        ...kind,
        atAnswered: Math.floor(random() * requests),
        lastsMs: kind.manner === 'kill' ? 0 : Math.round(longestMs * share),
      });
    }
  }
  return planned.slice(0, rounds);
}

/** What a round of a run decides as it is played: the same each time. */
export function randomOf(seed: number, round: number): Random {
  return seededRandom(derivedSeed(seed, `round ${round}`));
}

function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
