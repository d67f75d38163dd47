import { createHash } from 'node:crypto';
import { z } from 'zod';

import type { BatchAnswerLine } from './batchLines.ts';
import { parseJson, stringifyExactJson } from './json.ts';
import { MAX_PART_BYTES } from './shards.ts';

/** A request's answer as its pipeline gives it: 200 with the model's outputs, 400 with an OpenAI error body. */
export interface Answer {
  readonly statusCode: number;
  readonly body: unknown;
  /** Of generated text: the ids of each choice's tokens, from which anybody can check it. */
  readonly tokens?: readonly (readonly number[])[];
  /** Of tokens that were claimed and read: how they hold, by choice. */
  readonly replay?: readonly ReplayedChoice[];
}

/** How the tokens that somebody claims for an answer hold against the network. */
export interface ReplayedChoice {
  /** Of each token that could be read: least change of the logits with which it would have been drawn. */
  readonly distances: readonly number[];
  /** Whether the answer ends with the last of the tokens, and for a reason of the request's or the model's. */
  readonly isWhole: boolean;
}

/** The field of a stored answer line that has its tokens. It is for checks: submitters' files do not have it. */
const TOKENS_FIELD = 'x_tokens';
const TOKENS_AT_END = new RegExp(`,"${TOKENS_FIELD}":[0-9,\\[\\]]*}$`);
const tokensSchema = z.object({ [TOKENS_FIELD]: z.array(z.array(z.number().int().min(0))) });

/** The tokens that the line's text is said to be made of; undefined where it says none. */
export function claimedTokens(line: string): readonly (readonly number[])[] | undefined {
  return tokensSchema.safeParse(parseJson(line)).data?.[TOKENS_FIELD];
}

/** The line as its submitter gets it. */
export function withoutTokens(line: string): string {
  return line.replace(TOKENS_AT_END, '}');
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
  const lineOf = ({ statusCode, body, tokens }: Answer): string => {
    const response = { status_code: statusCode, request_id: requestId, body };
    const answered = { id, custom_id: customId, response, error: null } satisfies BatchAnswerLine;
    return stringifyExactJson({ ...answered, ...(tokens && { [TOKENS_FIELD]: tokens }) });
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
