import { randomBytes } from 'node:crypto';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { canariesIn, canaryPlaces, mixedSlice } from '../../../domain/trust/mixedSlice.ts';

const KEY = randomBytes(32);
const requests = (from: string, count: number): Buffer[] =>
  Array.from({ length: count }, (_, line) =>
    Buffer.from(
      `{"custom_id":"${from}-${line}","method":"POST","url":"/v1/embeddings","body":{"model":"m","input":"${from} ${line}"}}`,
    ),
  );
const inputOf = (line: Uint8Array): string => JSON.parse(Buffer.from(line).toString()).body.input;

test('a slice keeps its own lines in their order, and the key says whose each place is', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 8 }), (lines, count) => {
      const { lines: mixed, key } = mixedSlice(
        KEY,
        { batchId: 'b', slice: 3, count },
        requests('own', lines),
        requests('other', 40),
      );
      expect(mixed).toHaveLength(lines + count);
      const canaries = canaryPlaces(key);
      expect(canaries.size).toBe(count);
      const own = mixed.filter((_, place) => !canaries.has(place)).map(inputOf);
      expect(own).toEqual(requests('own', lines).map(inputOf));
      expect(key.filter((customId) => customId !== null)).toEqual(
        Array.from({ length: lines }, (_, line) => `own-${line}`),
      );
      for (const place of canaries) expect(inputOf(mixed[place] ?? Buffer.alloc(0))).toMatch(/^other /);
      // No line says by its name, its fields or their order what it is.
      const forms = mixed.map((line) => {
        const { custom_id: customId, ...rest } = JSON.parse(Buffer.from(line).toString());
        expect(customId).toMatch(/^[0-9a-f]{16}$/);
        return JSON.stringify({ ...rest, body: Object.keys(rest.body) });
      });
      expect(new Set(forms).size).toBe(1);
      expect(new Set(mixed.map((line) => JSON.parse(Buffer.from(line).toString()).custom_id)).size).toBe(mixed.length);
    }),
  );
});

const placesOf = (key: Buffer, slice: number): number[] => {
  const { key: whose } = mixedSlice(key, { batchId: 'b', slice, count: 2 }, requests('own', 8), requests('other', 8));
  return [...canaryPlaces(whose)];
};

test('places hang on the key and the slice, are the same when asked again, and come everywhere', () => {
  expect(placesOf(KEY, 1)).toEqual(placesOf(KEY, 1));
  const places = Array.from({ length: 400 }, (_, slice) => placesOf(KEY, slice)).flat();
  const counts = Array.from({ length: 10 }, (_, place) => places.filter((each) => each === place).length);
  // 80 each on average; six standard deviations.
  for (const count of counts) expect(Math.abs(count - 80)).toBeLessThan(50);
});

test('whole numbers beyond 2^53 stay as they are', () => {
  const line = Buffer.from(
    '{"custom_id":"a","method":"POST","url":"/v2/models/m/infer","body":{"id":12345678901234567891}}',
  );
  const { lines } = mixedSlice(KEY, { batchId: 'b', slice: 0, count: 0 }, [line], []);
  expect(Buffer.from(lines[0] ?? []).toString()).toContain('12345678901234567891');
});

test('slices so small that one canary would be more than the share have none', () => {
  expect([4, 99, 100, 250].map((lines) => canariesIn(lines, 0.01))).toEqual([0, 0, 1, 2]);
});
