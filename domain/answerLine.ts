import { createHash } from 'node:crypto';
import type { BatchAnswerLine } from './batchLines.ts';

/** A request's answer as its pipeline gives it: 200 with the model's outputs, 400 with an OpenAI error body. */
export interface Answer {
  readonly statusCode: number;
  readonly body: unknown;
}

/**
 * Ids of a line's answer. They depend only on which line of which job it is, so that every attempt on every car
 * writes the same bytes.
 */
export function answerIds(jobId: string, shard: number, line: number): { id: string; requestId: string } {
  const hash = createHash('sha256').update(`${jobId}\n${shard}\n${line}`).digest('hex').slice(0, 32);
  return { id: `batch_req_${hash}`, requestId: `req_${hash}` };
}

/** The answer as a line of the output file, without its line feed. `line` counts from 0 within the shard. */
export function answerLine(jobId: string, shard: number, line: number, customId: string, answer: Answer): string {
  const { id, requestId } = answerIds(jobId, shard, line);
  const answered: BatchAnswerLine = {
    id,
    custom_id: customId,
    response: { status_code: answer.statusCode, request_id: requestId, body: answer.body },
    error: null,
  };
  return JSON.stringify(answered);
}
