import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { characterErrorRate } from '../../../demo/glosses/characterErrorRate.ts';
import { editDistance } from '../../../domain/editDistance.ts';

test.each([
  ['', '', 0],
  ['kitten', 'sitting', 3],
  ['Gobiidae', 'Gobidae', 1],
  ['abc', '', 3],
])('from %j to %j it takes %i edits', (left, right, edits) => {
  expect(editDistance(left, right)).toBe(edits);
});

test('the distance is a metric', () => {
  const word = fc.string({ maxLength: 12 });
  fc.assert(
    fc.property(word, word, word, (a, b, c) => {
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, b) === 0).toBe(a === b);
      expect(editDistance(a, c)).toBeLessThanOrEqual(editDistance(a, b) + editDistance(b, c));
    }),
  );
});

test('the rate is weighed by characters, over answered lines only, without blanks at the ends', () => {
  const truth = new Map([
    ['a', 'ten chars.'],
    ['b', 'thirty characters, all of them'],
    ['c', 'never answered'],
  ]);
  const answers = new Map([
    ['a', 'ten chars '],
    ['b', 'thirty characters, all of them '],
  ]);
  expect(characterErrorRate(truth, answers)).toBeCloseTo(1 / 40);
  expect(characterErrorRate(truth, new Map())).toBeNaN();
});
