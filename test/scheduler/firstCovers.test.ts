import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { firstCovers } from '../../scheduler/firstCovers.ts';

const spans = fc.array(
  fc
    .record({ startMs: fc.nat(30), lengthMs: fc.integer({ min: 1, max: 12 }), value: fc.nat(5) })
    .map(({ startMs, lengthMs, value }) => ({ startMs, endMs: startMs + lengthMs, value })),
  { maxLength: 8 },
);

test('at each instant the first span that covers it counts, and nothing overlaps', () => {
  fc.assert(
    fc.property(spans, (all) => {
      const pieces = firstCovers(all);
      for (let at = 0; at < 45; at++) {
        const covers = ({ startMs, endMs }: { startMs: number; endMs: number }): boolean => startMs <= at && at < endMs;
        expect(pieces.filter(covers).map(({ value }) => value)).toEqual(
          all
            .filter(covers)
            .slice(0, 1)
            .map(({ value }) => value),
        );
      }
    }),
  );
});

test('a span that nothing cuts comes back whole, over later ones inside it', () => {
  expect(
    firstCovers([
      { startMs: 0, endMs: 10, value: 1 },
      { startMs: 3, endMs: 12, value: 2 },
    ]),
  ).toEqual([
    { startMs: 0, endMs: 10, value: 1 },
    { startMs: 10, endMs: 12, value: 2 },
  ]);
});
