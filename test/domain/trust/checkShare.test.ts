import { createHash } from 'node:crypto';

import { describe, expect, test } from 'vitest';

import { DEFAULT_CHECK_POLICY } from '../../../domain/trust/checkPolicy.ts';
import { checkShare, linesToCheck } from '../../../domain/trust/checkShare.ts';
import { NEW_REPUTATION } from '../../../domain/trust/reputation.ts';

const key = createHash('sha256').update('a key').digest();
const lines = Array.from({ length: 200 }, (_, line) => line);
const shareOf = (shard: number, vehicleId = 'car-1') => ({ jobId: 'batch_1', shard, vehicleId, lines });
const nothing = { differing: [], tokens: 0, divergent: 0 };
const standing = { ...NEW_REPUTATION, validInRow: 1_000 };

describe('a check of what a car has answered', () => {
  test('looks at the same lines when it is tried again, and at others of another car', () => {
    const first = linesToCheck(key, shareOf(0), NEW_REPUTATION, DEFAULT_CHECK_POLICY);
    expect(first).toHaveLength(10);
    expect(linesToCheck(key, shareOf(0), NEW_REPUTATION, DEFAULT_CHECK_POLICY)).toEqual(first);
    expect(linesToCheck(key, shareOf(0, 'car-2'), NEW_REPUTATION, DEFAULT_CHECK_POLICY)).not.toEqual(first);
  });

  test('comes to a car in good standing as often as the policy says', () => {
    const due = Array.from({ length: 1_000 }, (_, shard) =>
      linesToCheck(key, shareOf(shard), standing, DEFAULT_CHECK_POLICY),
    ).filter((found) => found.length > 0);
    expect(due.length / 1_000).toBeGreaterThan(0.35);
    expect(due.length / 1_000).toBeLessThan(0.45);
  });

  test('ends with the few lines when none differs, and looks at all when one does', async () => {
    const asked: number[] = [];
    const honest = await checkShare(key, shareOf(0), NEW_REPUTATION, DEFAULT_CHECK_POLICY, async (each) => {
      asked.push(each.length);
      return nothing;
    });
    expect(honest).toMatchObject({ differing: [] });
    expect(asked).toEqual([10]);

    const liar = await checkShare(
      key,
      shareOf(0),
      standing,
      { ...DEFAULT_CHECK_POLICY, min_probability: 1 },
      async (each) => ({ ...nothing, differing: each.filter((line) => line % 2 === 0) }),
    );
    expect(liar?.checked).toHaveLength(200);
    expect(liar?.differing).toHaveLength(100);
  });
});
