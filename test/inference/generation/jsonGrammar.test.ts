import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { ByteAutomaton } from '../../../inference/generation/byteAutomaton.ts';
import { createGrammarCompiler } from '../../../inference/generation/jsonGrammar.ts';
import { JsonPlaces } from '../../../inference/generation/jsonPlaces.ts';
import { schemaPiece } from '../../../inference/generation/jsonSchema.ts';
import { isAllowed } from '../../../inference/generation/sampling.ts';
import type { Vocabulary } from '../../../inference/generation/vocabulary.ts';
import { BadRequest } from '../../../inference/runner/openInference.ts';

function accepts(schema: Record<string, unknown> | 'object', text: string): boolean {
  const places = new JsonPlaces();
  const piece = schema === 'object' ? places.anyObject() : schemaPiece(schema, places);
  const automaton = new ByteAutomaton(piece(places.end));
  let state = automaton.start;
  for (const byte of Buffer.from(text)) {
    const next = automaton.step(state, byte);
    if (!next) return false;
    state = next;
  }
  return state.accepts;
}

const PIECES = [
  '',
  ':',
  '{',
  '}',
  '[',
  ']',
  '"',
  '":',
  ',',
  ' ',
  '\n',
  'a',
  'b',
  'é',
  '\\',
  'u',
  '0',
  '1',
  '12',
  '-',
  '.',
  'e',
  'true',
  'null',
  '{"',
  '"a":',
  '<end>',
];
const END = PIECES.length - 1;
const VOCABULARY: Vocabulary = {
  size: PIECES.length,
  encode: () => [],
  bytesOf: (id) => (id === END ? Buffer.alloc(0) : Buffer.from(PIECES[id] ?? '')),
  nameOf: (id) => PIECES[id] ?? '',
  isSpecial: (id) => id === END,
  stripsFirstSpace: false,
};
const compiler = () => createGrammarCompiler(VOCABULARY, PIECES.length + 5, new Set([END]));

const PERSON = {
  type: 'object',
  properties: {
    a: { type: 'integer' },
    b: { type: ['string', 'null'], maxLength: 3 },
    ab: { type: 'array', items: { enum: ['a', 1, null] }, minItems: 1, maxItems: 2 },
  },
  required: ['a'],
  additionalProperties: false,
};

describe('schemas as grammars', () => {
  test.each([
    [PERSON, '{"a":1}', true],
    [PERSON, '{"a": -12, "b": null}', true],
    [PERSON, '{"a":1,"ab":["a", 1]}', true],
    [PERSON, '{\n  "a": 1,\n  "b": "é\\n"\n}', true],
    [PERSON, '{"b":"x"}', false],
    [PERSON, '{"a":1.5}', false],
    [PERSON, '{"a":01}', false],
    [PERSON, '{"a":1,"b":"four"}', false],
    [PERSON, '{"a":1,"ab":[]}', false],
    [PERSON, '{"a":1,"ab":["a","a","a"]}', false],
    [PERSON, '{"a":1,}', false],
    [PERSON, '{"a":1} ', false],
    [{ type: 'object', properties: { x: {}, y: {} } }, '{"y":[1,{"z":true}]}', true],
    [{ type: 'object', properties: { x: {}, y: {} } }, '{}', true],
    [{ anyOf: [{ type: 'boolean' }, { const: { k: [1] } }] }, '{"k":[1]}', true],
    [{ type: 'object', additionalProperties: { type: 'number' } }, '{"any":1e9,"other":-0.5}', true],
    [{ type: 'object', additionalProperties: { type: 'number' } }, '{"any":"x"}', false],
    [{ $ref: '#/$defs/n', $defs: { n: { type: 'array', items: { $ref: '#/$defs/n' } } } }, '[[],[[]]]', true],
    [{ type: 'string' }, '"\\ud83d"', false],
    [{ type: 'string', minLength: 2, maxLength: 2 }, '"😀é"', true],
    ['object' as const, '{"a":{"b":[1,"x",{}]}}', true],
    ['object' as const, '[1]', false],
  ])('%j takes %s: %s', (schema, text, taken) => {
    expect(accepts(schema, text)).toBe(taken);
  });

  test('takes what JSON.stringify writes of any object', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 3, noUnicodeString: false })),
        (object) => {
          // Lone surrogates and long numbers are not written.
          const text = JSON.stringify(object);
          fc.pre(!/\\ud[89a-f]/i.test(text) && !/\d{16}|e[+-]\d{3}/.test(text));
          expect(accepts('object', text)).toBe(true);
        },
      ),
    );
  });

  test.each([
    [{ type: 'string', pattern: 'a+' }, 'schema.pattern'],
    [{ type: 'string', format: 'email' }, 'schema.format'],
    [{ type: 'object', properties: { x: { type: 'integer', minimum: 1 } } }, 'schema.properties.x.minimum'],
    [{ allOf: [] }, 'schema.allOf'],
    [{ oneOf: [{}] }, 'schema.oneOf'],
    [{ anyOf: [{}], type: 'string' }, 'schema.type'],
    [{ type: 'strange' }, 'schema.type'],
    [{ type: 'array', minItems: 3, maxItems: 2 }, 'schema.maxItems'],
    [{ type: 'array', maxItems: 1e9 }, 'schema.maxItems'],
    [{ $ref: 'https://example.org' }, 'schema.$ref'],
    [{ $ref: '#/$defs/none' }, 'schema.$ref'],
    [{ $ref: '#' }, 'schema'],
    [{ type: 'object', properties: {}, required: ['x'] }, 'schema.required'],
    [{ enum: [] }, 'schema.enum'],
    [nested(100), `schema${'.items'.repeat(65)}`],
    [exploding(), 'schema'],
  ])('refuses %j by name', (schema, path) => {
    const refusal = catchOf(() => compiler().schema(schema));
    expect(refusal).toBeInstanceOf(BadRequest);
    expect(refusal).toMatchObject({ code: 'unsupported_schema', param: `response_format.json_schema.${path}` });
  });

  test('masks let through what the grammar takes, and nothing else', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat()), (choices) => {
        const matcher = compiler().schema(PERSON).matcher();
        let text = '';
        for (const choice of choices) {
          const allowed = PIECES.map((_, id) => id).filter((id) => isAllowed(matcher.mask(), id));
          for (const [id, piece] of PIECES.entries()) {
            if (id === END || piece === '') continue;
            expect(allowed.includes(id), JSON.stringify([text, piece])).toBe(isPrefix(text + piece));
          }
          const id = allowed[choice % allowed.length];
          if (id === undefined) throw new Error(`nothing may follow ${JSON.stringify(text)}`);
          if (id === END || text.length > 60) break;
          text += PIECES[id];
          matcher.accept(id);
          if (matcher.complete) return accepts(PERSON, text) && JSON.parse(text).a !== undefined;
        }
        return true;
      }),
      { numRuns: 30 },
    );
  });

  test('compiles a schema once', () => {
    const grammars = compiler();
    expect(grammars.schema(PERSON)).toBe(grammars.schema({ ...PERSON }));
  });
});

function isPrefix(text: string): boolean {
  const places = new JsonPlaces();
  const automaton = new ByteAutomaton(schemaPiece(PERSON, places)(places.end));
  let state: ReturnType<ByteAutomaton['step']> = automaton.start;
  for (const byte of Buffer.from(text)) state = state && automaton.step(state, byte);
  return state !== null;
}

function nested(depth: number): Record<string, unknown> {
  return depth === 0 ? { type: 'null' } : { type: 'array', items: nested(depth - 1) };
}

function exploding(): Record<string, unknown> {
  const wide = { type: 'array', minItems: 1_000, maxItems: 1_000, items: { type: 'string', maxLength: 1_000 } };
  return { type: 'array', minItems: 1_000, items: wide };
}

function catchOf(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return error;
  }
}
