import { expect, test } from 'vitest';

import { DEFAULT_CHECK_POLICY } from '../../domain/trust/checkPolicy.ts';
import { simulateTrust } from '../../simulator/dishonestFleet.ts';

const fleet = { cars: 120, liarShare: 0.05, days: 4, shardsPerCarAndDay: 40, linesPerShard: 100, seed: 3 };

test('every liar of a small fleet is caught, no honest car, and checking costs little', async () => {
  const { days, liars, kinds, honestQuarantined } = await simulateTrust({ ...fleet, policy: DEFAULT_CHECK_POLICY });
  expect(liars).toBe(6);
  expect(kinds.filter(({ cars, caught }) => caught < cars)).toEqual([]);
  expect(honestQuarantined).toBe(0);
  for (const { overhead } of days.slice(1)) expect(overhead).toBeLessThan(0.03);
  const lines = days.reduce((sum, day) => sum + day.lines, 0);
  const wrong = days.reduce((sum, day) => sum + day.wrongDelivered, 0);
  expect(wrong / lines).toBeLessThan(1e-3);
  expect(days.reduce((sum, day) => sum + day.wrongForGood, 0)).toBe(0);
});

test('without checks their answers are delivered', async () => {
  const { days, honestQuarantined } = await simulateTrust({
    ...fleet,
    policy: { ...DEFAULT_CHECK_POLICY, enabled: false },
  });
  expect(honestQuarantined).toBe(0);
  const [first] = days;
  expect((first?.wrongForGood ?? 0) / (first?.lines ?? 1)).toBeGreaterThan(0.015);
});
