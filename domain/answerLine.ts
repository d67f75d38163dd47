import { createHash } from 'node:crypto';
import type { BatchAnswerLine } from './batchLines.ts';
import { stringifyExactJson } from './json.ts';
import { MAX_PART_BYTES } from './shards.ts';

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

/**
 * The answer as a line of the output file, without its line feed. One of more than `maxBytes` becomes an error that says
 * so. `line` counts from 0 within the shard.
 */
export function answerLine(
  jobId: string,
  shard: number,
  line: number,
  customId: string,
  answer: Answer,
  maxBytes = MAX_ANSWER_BYTES,
): string {
  const { id, requestId } = answerIds(jobId, shard, line);
  const lineOf = ({ statusCode, body }: Answer): string => {
    const response = { status_code: statusCode, request_id: requestId, body };
    return stringifyExactJson({ id, custom_id: customId, response, error: null } satisfies BatchAnswerLine);
  };
  const text = lineOf(answer);
  const bytes = Buffer.byteLength(text);
  return bytes <= maxBytes ? text : lineOf(tooLarge(bytes, maxBytes));
}

function tooLarge(bytes: number, maxBytes: number): Answer {
  const message = `The answer has ${bytes} bytes, more than the ${maxBytes} that are kept: put fewer inputs into a request.`;
  return {
    statusCode: 400,
    body: { error: { message, type: 'invalid_request_error', param: 'input', code: 'payload_too_large' } },
  };
}

/** With its line feed it still makes a part. */
const MAX_ANSWER_BYTES = MAX_PART_BYTES - 1;
