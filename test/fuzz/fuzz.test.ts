import { expect, test } from 'vitest';

import { fuzz } from './fuzz.ts';

test.each([1, 2])('hostile inputs are refused as documented, seed %i', async (seed) => {
  const { inputs, accepted, refused } = await fuzz({ inputs: 2_000, seed });
  expect(accepted + refused).toBe(inputs);
  expect(refused).toBeGreaterThan(inputs / 4);
});
