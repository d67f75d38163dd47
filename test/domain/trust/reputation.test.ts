import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { DEFAULT_CHECK_POLICY, costOfChecks, policyFor } from '../../../domain/trust/checkPolicy.ts';
import { checkProbability, judged, NEW_REPUTATION } from '../../../domain/trust/reputation.ts';

const policy = DEFAULT_CHECK_POLICY;
const set = (tenantId: string | null, modelName: string | null, line_share: number) => ({
  tenantId,
  modelName,
  policy: { ...policy, line_share },
});
const after = (checks: number) => ({ ...NEW_REPUTATION, validInRow: checks });
const found = (reputation: typeof NEW_REPUTATION, checked: number, differing: number) =>
  judged(reputation, { checked, differing }, policy);

describe('a reputation', () => {
  test('is checked always until ten checks in a row were valid, then with 1 / n, and never less than the policy says', () => {
    expect([0, 9].map((n) => checkProbability(after(n), { ...policy, min_probability: 0.05 }))).toEqual([1, 1]);
    expect(checkProbability(after(10), { ...policy, min_probability: 0.05 })).toBeCloseTo(0.1);
    expect(checkProbability(after(1_000), { ...policy, min_probability: 0.05 })).toBe(0.05);
    expect(checkProbability(after(0), { ...policy, enabled: false })).toBe(0);
  });

  test('begins anew with one difference, and that alone makes nobody guilty', () => {
    const { reputation, verdict } = found(after(50), 200, 1);
    expect(verdict).toBe('suspect');
    expect(reputation.validInRow).toBe(0);
    expect(reputation.differingLines).toBe(1);
  });

  test('finds guilty who answers every line falsely, after however long a time of right answers', () => {
    let reputation = NEW_REPUTATION;
    for (let check = 0; check < 1_000; check += 1) ({ reputation } = found(reputation, 10, 0));
    expect(reputation.validInRow).toBe(1_000);
    expect(found(reputation, 3, 3).verdict).toBe('guilty');
  });

  test('finds guilty who answers one line in fifty falsely, within four looks at 200 lines', () => {
    let reputation = NEW_REPUTATION;
    const verdicts = [1, 2, 3, 4].map(() => {
      const next = found(reputation, 200, 4);
      ({ reputation } = next);
      return next.verdict;
    });
    expect(verdicts[0]).toBe('suspect');
    expect(verdicts).toContain('guilty');
  });

  test('never finds guilty who differs as rarely as the policy expects', () => {
    const differs = fc.array(fc.integer({ min: 0, max: 9_999 }), { minLength: 2_000, maxLength: 2_000 });
    fc.assert(
      fc.property(differs, (draws) => {
        let reputation = NEW_REPUTATION;
        for (const draw of draws) {
          const next = found(reputation, 10, draw < 10 ? 1 : 0);
          ({ reputation } = next);
          if (next.verdict === 'guilty') return false;
        }
        return true;
      }),
      // fast-check leans to small numbers, which are differences here: draws of a seed without that lean.
      { seed: 7, numRuns: 20, unbiased: true },
    );
  });
});

const read = (reputation: typeof NEW_REPUTATION, tokens: number, divergent: number) =>
  judged(reputation, { checked: 5, differing: 0, tokens, divergent }, policy);

describe('tokens of generated text', () => {
  test('make a car guilty of which one in twenty diverges, within a few looks', () => {
    let reputation = NEW_REPUTATION;
    const verdicts = [1, 2].map(() => {
      const next = read(reputation, 100, 5);
      ({ reputation } = next);
      return next.verdict;
    });
    expect(verdicts).toEqual(['suspect', 'guilty']);
  });

  test('blame nobody of whom one in two thousand diverges, however long', () => {
    let reputation = NEW_REPUTATION;
    for (let look = 0; look < 20_000; look += 1) {
      const next = read(reputation, 100, look % 20 === 0 ? 1 : 0);
      ({ reputation } = next);
      expect(next.verdict).toBe('valid');
    }
  });
});

describe('a policy', () => {
  test('is the most specific one: model before tenant before the cell', () => {
    const policies = [set(null, null, 0.1), set('a', null, 0.2), set(null, 'm', 0.3), set('a', 'm', 0.4)];
    const shareFor = (tenantId: string, modelName: string) => policyFor(policies, { tenantId, modelName }).line_share;
    expect([shareFor('b', 'n'), shareFor('a', 'n'), shareFor('b', 'm'), shareFor('a', 'm')]).toEqual([
      0.1, 0.2, 0.3, 0.4,
    ]);
    expect(policyFor([], { tenantId: 'a', modelName: 'm' })).toBe(DEFAULT_CHECK_POLICY);
  });

  test('says what it costs', () => {
    expect(costOfChecks(policy)).toEqual({ probation: 0.05, standing: 0.02 });
    expect(costOfChecks({ ...policy, enabled: false })).toEqual({ probation: 0, standing: 0 });
  });
});
