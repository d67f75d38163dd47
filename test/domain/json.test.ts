import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { parseExactJson, parseJson, stringifyExactJson } from '../../domain/json.ts';

const INT64 = { min: -(2n ** 63n), max: 2n ** 64n - 1n };

test('whole numbers of 64 bits come out as they went in', () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt(INT64)), fc.double({ noNaN: true, noDefaultInfinity: true }), (data, x) => {
      const text = `{"data":[${data.join(',')}],"x":${JSON.stringify(x)}}`;
      expect(stringifyExactJson(parseExactJson(text))).toBe(text);
    }),
  );
});

test('any other JSON is what JSON.parse and JSON.stringify make of it', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      fc.pre(!/\d{16}/.test(text));
      const value: unknown = JSON.parse(text);
      expect(parseExactJson(text)).toEqual(value);
      expect(stringifyExactJson(value)).toBe(JSON.stringify(value));
    }),
  );
});

const LONG = '12345678901234567890';

test.each([
  [`{"a":1,"a":${LONG}}`, { a: BigInt(LONG) }],
  [`{"a":${LONG},"a":1}`, { a: 1 }],
  [`[1e20, ${LONG}.5, "${LONG}"]`, [1e20, Number(`${LONG}.5`), LONG]],
  [`[${LONG}`, undefined],
])('%s is read', (text, value) => {
  expect(parseExactJson(text)).toEqual(value);
});

test('what is no JSON is undefined, whatever it holds', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(parseExactJson(text)).toEqual(parseJson(text));
    }),
  );
});
