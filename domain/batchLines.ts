import { z } from 'zod';

/** A line of a batch's input file, as OpenAI defines it. What `body` must be depends on the model's pipeline. */
export const batchRequestLineSchema = z.object({
  custom_id: z.string().min(1),
  method: z.literal('POST'),
  url: z.string().startsWith('/'),
  body: z.record(z.string(), z.unknown()),
});
export type BatchRequestLine = z.infer<typeof batchRequestLineSchema>;

/** The error body of an answered line whose `status_code` is not 200, and of an HTTP answer. */
export interface OpenAiErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

/** A line of a batch's output or error file. `response` is null for a line that nobody answered. */
export const batchAnswerLineSchema = z.object({
  id: z.string(),
  custom_id: z.string(),
  response: z.object({ status_code: z.number().int(), request_id: z.string(), body: z.unknown() }).nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});
export type BatchAnswerLine = z.infer<typeof batchAnswerLineSchema>;

/** @throws Error when the text is not an answer line */
export function parseAnswerLine(text: string): BatchAnswerLine {
  return batchAnswerLineSchema.parse(JSON.parse(text));
}

/** The request lines of a shard's slice, as texts. Validation, cars, acceptance and the output files all read by this. */
export function requestLinesOf(slice: Buffer): string[] {
  const lines = slice.toString('utf8').split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** The custom_id of a request line that has been checked before. @throws Error when it has none */
export function customIdOf(requestLine: string): string {
  return z.object({ custom_id: z.string() }).parse(JSON.parse(requestLine)).custom_id;
}
