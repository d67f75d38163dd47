import { expect, test } from 'vitest';

import { fuzzGeneration } from './generation.ts';

test.each([1, 2])('hostile generation requests are refused as documented, seed %i', async (seed) => {
  const { requests, answered, refused } = await fuzzGeneration({ requests: 320, seed });
  expect(answered + refused).toBe(requests);
  // The draw is neither harmless nor all noise.
  expect(refused).toBeGreaterThan(requests / 4);
  expect(answered).toBeGreaterThan(requests / 10);
});
