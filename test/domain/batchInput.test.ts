import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { BATCH_LIMITS, createBatchLineChecker, lineSchema, linesOf, shapedLine } from '../../domain/batchInput.ts';

const ENDPOINT = '/v1/embeddings';

function request(customId: string, changes: object = {}): string {
  return JSON.stringify({
    custom_id: customId,
    method: 'POST',
    url: ENDPOINT,
    body: { model: 'lsa', input: 'hi' },
    ...changes,
  });
}

async function check(text: string | Uint8Array, endpoint = ENDPOINT, chunkBytes = 1 << 20) {
  const bytes = Buffer.from(text);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let from = 0; from < bytes.byteLength; from += chunkBytes) yield bytes.subarray(from, from + chunkBytes);
  }
  const checker = createBatchLineChecker(endpoint);
  const accepted: string[] = [];
  for await (const line of linesOf(chunks())) {
    const request = checker.take(line);
    if (request) accepted.push(`${request.line}:${request.customId}`);
    if (checker.done) break;
  }
  return { accepted, ...checker.finish() };
}

test('takes good lines, whatever ends them, and skips blank ones', async () => {
  const text = `${request('a')}\r\n\n  \n${request('b')}\n${request('ü')}`;
  expect(await check(text)).toEqual({ accepted: ['1:a', '4:b', '5:ü'], errors: [], total: 3, model: 'lsa' });
});

test('the endpoint of an inference protocol names the model', async () => {
  const endpoint = '/v2/models/ocr/infer';
  const line = request('a', { url: endpoint, body: { inputs: [] } });
  expect(await check(line, endpoint)).toMatchObject({ accepted: ['1:a'], errors: [], model: 'ocr' });
});

describe('refuses', () => {
  test.each([
    ['not JSON', '{', 'invalid_json_line', null],
    ['not an object', '[]', 'invalid_json_line', null],
    ['a missing custom_id', request('x', { custom_id: undefined }), 'invalid_json_line', 'custom_id'],
    ['an empty custom_id', request(''), 'invalid_json_line', 'custom_id'],
    ['another method', request('x', { method: 'GET' }), 'invalid_json_line', 'method'],
    ['a missing body', request('x', { body: undefined }), 'invalid_json_line', 'body'],
    ['a missing model', request('x', { body: {} }), 'invalid_json_line', 'body.model'],
    ['another url', request('x', { url: '/v1/other' }), 'url_mismatch', 'url'],
    ['another model', request('x', { body: { model: 'other' } }), 'model_mismatch', 'body.model'],
    ['a custom_id twice', request('first'), 'duplicate_custom_id', 'custom_id'],
  ])('%s', async (_what, line, code, param) => {
    const { errors, accepted } = await check(`${request('first')}\n${line}\n${request('last')}`);
    expect(errors).toEqual([{ code, line: 2, param, message: expect.stringMatching(/\.$/) }]);
    expect(accepted).toEqual(['1:first', '3:last']);
  });

  test('bytes that are not UTF-8', async () => {
    const { errors } = await check(
      Buffer.concat([Buffer.from('{"custom_id":"'), Buffer.from([0xff]), Buffer.from('"}')]),
    );
    expect(errors).toMatchObject([{ code: 'invalid_json_line', line: 1, message: 'The line is not UTF-8.' }]);
  });

  test.each(['', '\n\n', ' \r\n'])('a file without requests: %j', async (text) => {
    expect(await check(text)).toMatchObject({ errors: [{ code: 'empty_file', line: null }], total: 0 });
  });

  test('more requests than the limit, once, and stops reading', async () => {
    const lines = Array.from({ length: BATCH_LIMITS.lines + 5 }, (_, index) => request(String(index))).join('\n');
    const { errors, accepted } = await check(lines);
    expect(errors).toMatchObject([{ code: 'too_many_tasks', line: BATCH_LIMITS.lines + 1 }]);
    expect(accepted).toHaveLength(BATCH_LIMITS.lines);
  });

  test('a line longer than the limit without keeping it, and goes on after it', async () => {
    const long = request('long', { body: { model: 'lsa', input: 'x'.repeat(BATCH_LIMITS.lineBytes) } });
    const { errors, accepted } = await check(`${long}\n${request('next')}\n`, ENDPOINT, 65_536);
    expect(errors).toMatchObject([{ code: 'invalid_json_line', line: 1, message: expect.stringContaining('longer') }]);
    expect(accepted).toEqual(['2:next']);
  });

  test('a file full of errors after the first hundred', async () => {
    expect((await check('{\n'.repeat(500))).errors).toHaveLength(100);
  });
});

test('cutting into lines does not depend on how the bytes arrive', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.stringMatching(/^[^\n]{0,12}$/), { maxLength: 8 }),
      fc.integer({ min: 1, max: 9 }),
      async (lines, chunkBytes) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        async function* chunks(): AsyncGenerator<Uint8Array> {
          for (let from = 0; from < bytes.byteLength; from += chunkBytes) yield bytes.subarray(from, from + chunkBytes);
        }
        const cut: string[] = [];
        for await (const line of linesOf(chunks())) cut.push(Buffer.from(line).toString());
        expect(cut).toEqual(lines);
      },
    ),
  );
});

test('the fast check of a line takes what the schema takes, and nothing else', () => {
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom(
      '',
      'POST',
      'GET',
      '/v1/embeddings',
      'x'.repeat(200),
      'x'.repeat(201),
      'é'.repeat(512),
      'x'.repeat(513),
    ),
  );
  const other = fc.oneof(text, fc.constantFrom(null, 1, true), fc.array(text, { maxLength: 2 }), fc.object());
  const body = fc.oneof(
    fc.record({ model: fc.oneof({ weight: 4, arbitrary: text }, other), input: other }, { requiredKeys: [] }),
    other,
  );
  const line = fc.record(
    {
      custom_id: fc.oneof({ weight: 4, arbitrary: text }, other),
      method: fc.oneof({ weight: 4, arbitrary: fc.constant('POST') }, other),
      url: fc.oneof({ weight: 4, arbitrary: text }, other),
      body: fc.oneof({ weight: 4, arbitrary: body }, other),
      more: other,
    },
    { requiredKeys: [] },
  );
  let taken = 0;
  fc.assert(
    fc.property(fc.oneof({ weight: 9, arbitrary: line }, other), (value) => {
      // As it comes from JSON.
      const parsed: unknown = JSON.parse(JSON.stringify(value));
      const slow = lineSchema.safeParse(parsed).data;
      const fast = shapedLine(parsed);
      if (slow) taken += 1;
      expect(fast && { ...fast, body: { model: fast.body.model } }).toEqual(
        slow && { custom_id: slow.custom_id, url: slow.url, body: { model: slow.body.model } },
      );
    }),
    { numRuns: 5_000 },
  );
  expect(taken).toBeGreaterThan(200);
});

const MARK = '\ufeff';

describe('a byte order mark', () => {
  test('at the start of the file is no part of the first line', async () => {
    expect(await check(`${MARK}${request('a')}\n${request('b')}`)).toMatchObject({
      accepted: ['1:a', '2:b'],
      errors: [],
    });
    const chunks = await check(`${MARK}${request('a')}`, ENDPOINT, 1);
    expect(chunks).toMatchObject({ accepted: ['1:a'], errors: [] });
  });

  test('anywhere else is no JSON, also in a line of its own', async () => {
    const { accepted, errors } = await check(`${request('a')}\n${MARK}${request('b')}\n${MARK}\n`);
    expect(accepted).toEqual(['1:a']);
    expect(errors.map(({ code, line }) => [code, line])).toEqual([
      ['invalid_json_line', 2],
      ['invalid_json_line', 3],
    ]);
  });
});

const nested = (levels: number) => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`) as unknown;

const nestedLine = (levels: number) => request('x', { body: { model: 'lsa', input: 'x', z: nested(levels) } });

test('refuses a line that nests deeper than its readers go, in any field', async () => {
  expect((await check(nestedLine(62))).errors).toEqual([]);
  expect((await check(nestedLine(500))).errors).toMatchObject([{ code: 'invalid_json_line', line: 1 }]);
});

test('tells of what it refuses in text that can be stored', async () => {
  for (const bad of ['x\u0000', 'x\ud800']) {
    const { errors } = await check(`${request(bad)}\n${request(bad)}`);
    expect(errors[0]).toMatchObject({ code: 'duplicate_custom_id', line: 2 });
    expect(errors[0]?.message).toContain('"x\ufffd"');
    expect((await check(request('a', { body: { model: bad } }))).errors).toMatchObject([{ param: 'body.model' }]);
  }
});
