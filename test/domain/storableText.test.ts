import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isStorableText, storableText, unstorableIn } from '../../domain/storableText.ts';

test('names where in a value a text stands that cannot be stored', () => {
  expect(unstorableIn({ a: ['x', { b: 'y\0' }] })).toBe('a.1.b');
  expect(unstorableIn({ a: { ['k\0']: 1 } })).toBe('a');
  expect(unstorableIn('\ud800')).toBe('');
  expect(unstorableIn({ a: ['😀', 1, null, true] })).toBeUndefined();
  let deep: unknown = 'z\0';
  for (let depth = 0; depth < 100_000; depth++) deep = [deep];
  expect(unstorableIn(deep)).toMatch(/^0\.0\./);
});

test('finds nothing in what was made storable', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(isStorableText(storableText(`${text}\0\udc00`))).toBe(true);
    }),
  );
});
