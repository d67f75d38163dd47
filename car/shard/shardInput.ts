import { batchRequestLineSchema, requestLinesOf, type BatchRequestLine } from '../../domain/batchLines.ts';
import { parseJson } from '../../domain/json.ts';

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
    const parsed = batchRequestLineSchema.safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw new UnreadableSlice(`Line ${index + 1}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`);
  });
}
