import { expect, test } from 'vitest';

import { parseShardInput, UnreadableSlice } from '../../../car/shard/shardInput.ts';

const line = (url: string): string =>
  `{"custom_id":"a","method":"POST","url":"${url}","body":{"data":[9007199254740993]}}\n`;

test('the tensors of a slice are as exact as they were sent, also with escaped slashes', () => {
  for (const url of ['/v2/models/m/infer', String.raw`\/v2\/models\/m\/infer`])
    expect(parseShardInput(Buffer.from(line(url)), 1)[0]?.body).toEqual({ data: [9007199254740993n] });
});

test('other requests are what JSON.parse makes of them', () => {
  expect(parseShardInput(Buffer.from(line('/v1/embeddings')), 1)[0]?.body).toEqual({ data: [9007199254740992] });
});

test('a slice that is cut off or is no request is told', () => {
  const slice = Buffer.from(line('/v1/embeddings'));
  expect(() => parseShardInput(slice, 2)).toThrow(UnreadableSlice);
  expect(() => parseShardInput(slice.subarray(0, -5), 1)).toThrow('Line 1');
});
