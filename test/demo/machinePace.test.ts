import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { bearableScale, scaleFor } from '../../demo/machinePace.ts';

test('a quiet machine takes the night at full pace, a slow one slower, none slower than it may be', () => {
  const pace = { scale: 240, slowest: 60 };
  expect(scaleFor(49, pace)).toBe(240);
  expect(scaleFor(22.05, pace)).toBe(120);
  expect(scaleFor(1, pace)).toBe(60);
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1_000, noNaN: true }),
      fc.double({ min: 0, max: 1_000, noNaN: true }),
      (a, b) => {
        const [less, more] = [Math.min(a, b), Math.max(a, b)];
        expect(scaleFor(less, pace)).toBeLessThanOrEqual(scaleFor(more, pace));
      },
    ),
  );
});

test('a night that may not slow keeps its pace on any machine', async () => {
  expect(await bearableScale({ scale: 240, slowest: 240 })).toBe(240);
});
