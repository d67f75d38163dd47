import { beforeAll, describe, expect, test } from 'vitest';

import { createOracle } from '../../bench/highsOracle.ts';
import { INSTANCE_KINDS, oracleInstance, type InstanceKind } from '../../bench/oracleInstances.ts';
import { solveRelaxation } from '../../scheduler/solve/solveRelaxation.ts';

const kinds = Object.keys(INSTANCE_KINDS).filter((kind): kind is InstanceKind => kind in INSTANCE_KINDS);

describe('the relaxed optimum', () => {
  let oracle: Awaited<ReturnType<typeof createOracle>>;
  beforeAll(async () => {
    oracle = await createOracle();
  });

  test.each(kinds.flatMap((kind) => [1, 2, 3].map((seed) => [kind, seed] as const)))(
    'is what HiGHS finds, and its bound proves it: %s %i',
    (kind, seed) => {
      const relaxation = oracleInstance(kind, seed);
      const solved = solveRelaxation(relaxation);
      const expected = oracle(relaxation).costEur;
      const scale = 1 + Math.abs(expected);
      expect(Math.abs(solved.costEur - expected) / scale).toBeLessThan(1e-6);
      expect((solved.costEur - solved.lowerBoundEur) / scale).toBeLessThan(1e-6);
      expect(solved.lowerBoundEur).toBeLessThan(solved.costEur + 1e-6 * scale);
      if (kind === 'uniform') expect(solved.method).not.toBe('decomposition');
    },
  );
});
