import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { jsonChunks } from '../../../cli/files/writeFiles.ts';
import { parseJsonObject } from '../../../cli/files/readJsonObject.ts';

async function* pieces(text: string, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const objects = fc.dictionary(fc.string({ maxLength: 8 }), fc.oneof(fc.jsonValue(), fc.array(fc.jsonValue())), {
  noNullPrototype: true,
});

describe('parseJsonObject', () => {
  test('reads what JSON.parse reads, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(objects, fc.integer({ min: 1, max: 20 }), fc.nat(3), async (object, size, indent) => {
        const text = ` ${JSON.stringify(object, null, indent)}\r\n`;
        const parsed = await parseJsonObject(pieces(text, size), 'x.json');
        expect(JSON.stringify(parsed)).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  test('reads what jsonChunks writes', async () => {
    await fc.assert(
      fc.asyncProperty(objects, async (object) => {
        const text = [...jsonChunks(object)].join('');
        expect(JSON.stringify(await parseJsonObject(pieces(text, 7), 'x.json'))).toBe(JSON.stringify(object));
      }),
    );
  });

  test.each([
    ['', 'the file ends too early'],
    ['{"a": [1, 2', 'the file ends too early'],
    ['[1]', 'a JSON object was expected'],
    ['{a: 1}', 'a key in double quotes was expected'],
    ['{"a" 1}', 'a colon was expected'],
    ['{"a": 1 "b": 2}', 'a comma or } was expected'],
    ['{"a": [1 2]}', 'a comma or ] was expected'],
    ['{"a": 1}}', 'nothing was expected after the object'],
    ['{"cars": [{}, {"id": nope}]}', 'cars[1] is not JSON'],
    ['{"a": }', 'a is not JSON'],
    ['{"a": [1,]}', 'a[1] is not JSON'],
  ])('refuses %j and says where', async (text, problem) => {
    await expect(parseJsonObject(pieces(text, 3), 'x.json')).rejects.toThrow(problem);
    await expect(parseJsonObject(pieces(text, 3), 'x.json')).rejects.toThrow(/^x\.json, byte \d+: /);
  });
});
