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
export interface BatchAnswerLine {
  readonly id: string;
  readonly custom_id: string;
  readonly response: { readonly status_code: number; readonly request_id: string; readonly body: unknown } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}
