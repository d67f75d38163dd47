import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planRounds } from './plan.ts';

/** Ways to disturb: eight to kill, eight to stop, six to cut off in two ways, two faults of the store. */
const KINDS = 8 + 8 + 6 + 6 + 2;
const options = { rounds: 2 * KINDS, seed: 1, requests: 40, longestMs: 30_000 };

describe('the plan of rounds', () => {
  test('is the same for the same seed, and another for another', () => {
    expect(planRounds(options)).toEqual(planRounds(options));
    expect(planRounds({ ...options, seed: 2 })).not.toEqual(planRounds(options));
  });

  test('begins a longer run with the rounds of a shorter one, so that a run can go on', () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat(100), fc.nat(100), (seed, a, b) => {
        const [short, long] = [Math.min(a, b), Math.max(a, b)];
        const rounds = planRounds({ ...options, seed, rounds: long });
        expect(planRounds({ ...options, seed, rounds: short })).toEqual(rounds.slice(0, short));
      }),
    );
  });

  test('has every disturbance once before any comes again', () => {
    const names = planRounds(options).map(({ manner, target }) => `${manner} ${target}`);
    expect(new Set(names.slice(0, KINDS)).size).toBe(KINDS);
    expect(names.slice(KINDS).toSorted()).toEqual(names.slice(0, KINDS).toSorted());
  });

  test('lasts no longer than allowed, begins before the batch is done, and does not let a kill last', () => {
    for (const { manner, atAnswered, lastsMs } of planRounds(options)) {
      expect(atAnswered).toBeLessThan(options.requests);
      if (manner === 'kill') expect(lastsMs).toBe(0);
      else expect(lastsMs).toBeGreaterThan(0);
      expect(lastsMs).toBeLessThanOrEqual(options.longestMs);
    }
  });
});
