import { describe, expect, test } from 'vitest';
import { z } from 'zod';

import { issueText } from '../../domain/issueText.ts';

function textOf(schema: z.ZodType, value: unknown): string {
  const parsed = schema.safeParse(value);
  if (parsed.success) throw new Error('the schema takes it');
  return issueText(parsed.error.issues[0]);
}

describe('what is wrong reads as a sentence after the name of the field', () => {
  const cases: readonly [z.ZodType, unknown, string][] = [
    [z.string(), undefined, 'is missing'],
    [z.string(), 7, 'must be a text'],
    [z.number(), '7', 'must be a number'],
    [z.number().int(), 1.5, 'must be a whole number'],
    [z.boolean(), 'yes', 'must be true or false'],
    [z.array(z.string()), {}, 'must be a list'],
    [z.object({}), [], 'must be an object'],
    [z.record(z.string(), z.string()), 1, 'must be an object'],
    [z.number().min(20), 7, 'must be at least 20'],
    [z.number().positive(), 0, 'must be above 0'],
    [z.number().max(1), 1.2, 'must be at most 1'],
    [z.number().lt(1), 1, 'must be below 1'],
    [z.string().min(1), '', 'must not be empty'],
    [z.string().min(3), 'ab', 'must have at least 3 characters'],
    [z.string().max(1), 'ab', 'must have at most 1 character'],
    [z.string().length(17), 'ab', 'must have exactly 17 characters'],
    [z.array(z.string()).min(1), [], 'must not be empty'],
    [z.array(z.string()).max(2), ['a', 'b', 'c'], 'must have at most 2 entries'],
    [z.number().multipleOf(5), 7, 'must be a multiple of 5'],
    [z.literal('POST'), 'GET', 'must be "POST"'],
    [z.enum(['car', 'site_node']), 'bus', 'must be "car" or "site_node"'],
    [z.literal([1, 2, 3]), 4, 'must be 1, 2 or 3'],
    [z.url(), 'nowhere', 'must be a URL'],
    [z.iso.datetime(), 'noon', 'must be a time (ISO 8601), e.g. 2026-01-11T07:30:00Z'],
    [z.string().startsWith('/'), 'v1', 'must begin with "/"'],
    [z.string().regex(/^[a-f]+$/), 'xyz', 'must have the form /^[a-f]+$/'],
    [z.string().regex(/^[a-f]+$/, 'must be letters a to f'), 'xyz', 'must be letters a to f'],
    [z.strictObject({ a: z.string().optional() }), { b: 1, c: 2 }, 'has no field "b", "c"'],
    [z.union([z.string(), z.array(z.string())]), 7, 'must be a text or a list'],
    [z.union([z.string(), z.array(z.string())]), ['a', 7], 'at 1: must be a text'],
    [z.union([z.string().min(1), z.null()]), '', 'must not be empty'],
    [z.union([z.string().min(1), z.null()]), 7, 'must be a text or null'],
    [
      z.discriminatedUnion('kind', [z.object({ kind: z.literal('a') }), z.object({ kind: z.literal('b') })]),
      {},
      'must be "a" or "b"',
    ],
    [
      z.record(z.string().regex(/^[A-Z]{3}$/, 'must be a currency code'), z.number()),
      { eur: 1 },
      'has a name that must be a currency code',
    ],
    [z.number().refine((value) => value % 2 === 0), 3, 'is not as it must be'],
    [z.number().refine((value) => value % 2 === 0, 'must be even'), 3, 'must be even'],
  ];
  test.each(cases.map(([schema, value, text]) => ({ schema, value, text })))('$text', ({ schema, value, text }) => {
    expect(textOf(schema, value)).toBe(text);
  });
});

test('many choices are cut, and so are names that a caller made up', () => {
  const many = z.enum(Array.from({ length: 60 }, (_, index) => `c${index}`));
  expect(textOf(many, 'x')).toMatch(/^must be "c0", .*"c39" or one of 20 more$/);
  expect(textOf(z.strictObject({}), { ['x'.repeat(500)]: 1 }).length).toBeLessThan(100);
});
