import { afterAll, beforeAll, expect, test } from 'vitest';
import { planRounds, randomOf } from '../chaos/plan.ts';
import { playRound, REQUESTS, undisturbedRuns, type Undisturbed } from '../chaos/rounds.ts';
import { World } from '../chaos/world.ts';

/** A few of the rounds that `npm run chaos` plays, so that its rounds and its checks stay true. */
const SEED = 11;
const ROUNDS = planRounds({ rounds: 3, seed: SEED, requests: REQUESTS, longestMs: 6_000 });

let world: World;
let undisturbed: Undisturbed;

beforeAll(async () => {
  world = await World.start(2);
  undisturbed = await undisturbedRuns(world);
}, 240_000);
afterAll(() => world.close(), 60_000);

test.each(ROUNDS.map((round, index) => ({ ...round, number: index + 1 })))(
  'every promise is kept in round $number: $manner $target at $atAnswered answered',
  async (round) => {
    const { checks } = await playRound(world, round, undisturbed, randomOf(SEED, round.number));
    expect(checks).toEqual({ 'answered once': [], 'paid once': [], 'limits kept': [], 'owners whole': [] });
  },
  300_000,
);
