import { z } from 'zod';

import { batchRequestLineSchema, requestLinesOf, type BatchRequestLine } from '../../domain/batchLines.ts';
import { issueText } from '../../domain/issueText.ts';
import { parseExactJson, parseJson } from '../../domain/json.ts';

/** The slice cannot be read as its job describes it. */
export class UnreadableSlice extends Error {
  override readonly name = 'UnreadableSlice';
}

/**
 * The request lines of a shard's slice, in order.
 * @throws UnreadableSlice naming the line, counted from 1 as editors do
 */
export function parseShardInput(bytes: Buffer, lines: number): BatchRequestLine[] {
  const texts = requestLinesOf(bytes);
  if (texts.length !== lines) throw new UnreadableSlice(`The slice has ${texts.length} lines, not ${lines}.`);
  return texts.map((text, index) => {
    const parsed = batchRequestLineSchema.safeParse(requestOf(text));
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw new UnreadableSlice(`Line ${index + 1}: ${issue?.path.join('.') ?? ''} ${issueText(issue)}`);
  });
}

/** Tensors are as exact as they were sent; the fields of other requests are what JSON.parse makes of them. */
function requestOf(text: string): unknown {
  const value = parseJson(text);
  const url = z.object({ url: z.string() }).safeParse(value).data?.url;
  return url?.startsWith('/v2/') ? parseExactJson(text) : value;
}
