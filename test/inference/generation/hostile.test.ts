import { beforeAll, describe, expect, test } from 'vitest';

import { openChatTemplate } from '../../../inference/generation/chatTemplate.ts';
import type { LanguageModel } from '../../../inference/generation/languageModel.ts';
import { BadRequest } from '../../../inference/runner/openInference.ts';
import { answerAll, openTiny, task } from './support.ts';

const messages = [{ role: 'user' as const, content: 'x' }];
const render = (source: string): string => openChatTemplate(source, {}).render({ messages }, 0);

describe('a chat template', () => {
  test.each([
    ['loops for ever', '{% for a in range(1000000000) %}{% for b in range(1000000000) %}{% endfor %}{% endfor %}'],
    [
      'doubles a text until memory ends',
      "{% set ns = namespace(t='xxxxxxxx') %}{% for i in range(200) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}{{ ns.t }}",
    ],
    ['writes more than is read', "{% for i in range(500000) %}{{ 'xxxxxxxxxxxxxxxx' }}{% endfor %}"],
    ['calls itself', '{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}'],
    ['raises', "{{ raise_exception('no') }}"],
    ['reaches for the process', "{{ messages.constructor.constructor('return process')().exit(3) }}"],
    ['divides what is no number', "{{ 'a' // [] }}"],
  ])('that %s ends in an error of the request', (_, source) => {
    expect(() => render(source)).toThrow(BadRequest);
  });

  test.each(['{% for', '{{', 'x'.repeat(300_000)])('that is none is refused when the model is opened', (source) => {
    expect(() => openChatTemplate(source, {})).toThrow();
  });
});

const schemaOf = (schema: object) => ({
  response_format: { type: 'json_schema', json_schema: { name: 'x', schema } },
});

describe('a request beside others', () => {
  let model: LanguageModel;
  beforeAll(async () => {
    model = await openTiny();
  });

  const deep = (levels: number): object =>
    levels === 0 ? { type: 'null' } : { type: 'array', items: deep(levels - 1) };
  const wide = {
    type: 'object',
    properties: Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`p${index}`, { type: 'string' }])),
  };
  const bomb = {
    $defs: Object.fromEntries(
      Array.from({ length: 30 }, (_, level) => [
        `d${level}`,
        level === 29 ? { type: 'null' } : { anyOf: [1, 2].map(() => ({ $ref: `#/$defs/d${level + 1}` })) },
      ]),
    ),
    $ref: '#/$defs/d0',
  };

  test.each([
    ['a megabyte of text', { messages: [{ role: 'user', content: 'car '.repeat(249_999) }] }],
    ['more than a megabyte', { messages: [{ role: 'user', content: 'x'.repeat(1_000_001) }] }],
    ['a schema nested without end', schemaOf(deep(300))],
    ['a schema that refers to itself only', schemaOf({ $defs: { a: { $ref: '#/$defs/a' } }, $ref: '#/$defs/a' })],
    [
      'counts that multiply',
      schemaOf({ type: 'array', minItems: 1_000_000, maxItems: 1_000_000, items: { type: 'string' } }),
    ],
    ['a text of a billion characters', schemaOf({ type: 'string', maxLength: 1_000_000_000 })],
    ['thousands of properties', schemaOf(wide)],
    ['references that double', schemaOf(bomb)],
    ['enums as large as a book', schemaOf({ enum: Array.from({ length: 20_000 }, (_, index) => `value ${index}`) })],
  ])('%s: refused or answered, and its neighbour answered as ever', async (_, fields) => {
    const neighbour = task('b', { messages, max_tokens: 5, temperature: 0 });
    const alone = await answerAll(model, [neighbour]);
    const { a, b } = await answerAll(model, [task('a', { messages, max_tokens: 3, ...fields }), neighbour]);
    expect(b).toEqual(alone['b']);
    expect([200, 400]).toContain(a?.statusCode);
    if (a?.statusCode === 400)
      expect(a.body['error']).toMatchObject({ param: expect.any(String), code: expect.any(String) });
  });
});
