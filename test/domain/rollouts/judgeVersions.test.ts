import { describe, expect, test } from 'vitest';

import { figuresOf, regressions, type VersionsCompared } from '../../../domain/rollouts/judgeVersions.ts';
import { rolloutSpecSchema } from '../../../domain/rollouts/rolloutSpec.ts';

const { limits } = rolloutSpecSchema.parse({});
const work = (deviceMs: number, energyWh: number, failedAttempts = 0) => ({
  shards: 10,
  failedAttempts,
  byClass: { hw3: { lines: 100, deviceMs, energyWh } },
});
const found = (over: Partial<VersionsCompared>): VersionsCompared => ({
  compared: 100,
  disagreeing: 0,
  meanAgreement: 1,
  present: work(1_000, 10),
  next: work(1_000, 10),
  ...over,
});

describe('a comparison', () => {
  test('of equals is within every limit', () => {
    expect(figuresOf(found({}))).toEqual({ disagreement: 0, moreCrashes: 0, slower: 1, energy: 1 });
    expect(regressions(figuresOf(found({})), limits)).toEqual([]);
  });

  test.each([
    ['disagreement', found({ disagreeing: 3 }), 0.03],
    ['crashes', found({ next: work(1_000, 10, 2) }), 0.167],
    ['slower', found({ next: work(1_300, 10) }), 1.3],
    ['energy', found({ next: work(1_000, 13) }), 1.3],
  ])('beyond its limit for %s says the figure and the limit', (code, compared, value) => {
    expect(regressions(figuresOf(compared), limits)).toMatchObject([{ code: `rollout_${code}`, value }]);
  });

  test('holds each class against itself, by the lines that the next version did on it', () => {
    const present = {
      ...work(0, 0),
      byClass: { hw3: { lines: 10, deviceMs: 1_000, energyWh: 1 }, ai4: { lines: 10, deviceMs: 100, energyWh: 1 } },
    };
    // Nearly all on the slow class: not slower than before on either.
    const next = {
      ...work(0, 0),
      byClass: { hw3: { lines: 30, deviceMs: 3_000, energyWh: 3 }, ai4: { lines: 10, deviceMs: 200, energyWh: 1 } },
    };
    expect(figuresOf(found({ present, next })).slower).toBe((1 * 30 + 2 * 10) / 40);
  });

  test('says nothing of what was not measured', () => {
    const nothing = { shards: 0, failedAttempts: 0, byClass: {} };
    const figures = figuresOf(found({ compared: 0, present: nothing, next: nothing }));
    expect(figures).toEqual({ disagreement: null, moreCrashes: null, slower: null, energy: null });
    expect(regressions(figures, limits)).toEqual([]);
  });
});
