import { z } from 'zod';
import type { OpenAiErrorBody } from '../../domain/batchLines.ts';
import type { Answer } from '../../domain/answerLine.ts';
import { issueText } from '../../domain/issueText.ts';
import { messageOf } from '../../domain/thrown.ts';

/** The body of a request line: Open Inference Protocol v2, tensors as JSON. */
const inferRequestSchema = z.object({
  id: z.string().optional(),
  inputs: z
    .array(
      z.object({
        name: z.string(),
        shape: z.array(z.number().int().min(0)),
        datatype: z.string(),
        data: z.array(z.unknown()),
      }),
    )
    .min(1),
});

export interface OutputTensor {
  readonly name: string;
  readonly datatype: 'BYTES' | 'FP32';
  readonly shape: readonly number[];
  readonly data: readonly (string | number)[];
}

/** A fault of one request's body. It answers that line with 400 and leaves its neighbours alone. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest';
  readonly code: string;
  /** Path of the field within the body. */
  readonly param: string;

  constructor(code: string, param: string, message: string) {
    super(message);
    this.code = code;
    this.param = param;
  }
}

export function unsupported(field: string): BadRequest {
  return new BadRequest('unsupported_parameter', field, `${field} is not supported here: leave it out.`);
}

/** @throws BadRequest for the first fault: of a field that is not known, by its name */
export function parseBody<Output>(schema: z.ZodType<Output>, body: unknown): Output {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const [unknown] = issue?.code === 'unrecognized_keys' ? issue.keys : [];
  if (unknown !== undefined) throw unsupported(unknown);
  const param = issue?.path.join('.') || 'body';
  throw new BadRequest('invalid_body', param, `${param}: ${issueText(issue)}.`);
}

export function inferAnswer(model: { name: string; version: string }, outputs: readonly OutputTensor[]): Answer {
  return { statusCode: 200, body: { model_name: model.name, model_version: model.version, outputs } };
}

export function badRequestAnswer(fault: BadRequest): Answer {
  const body: OpenAiErrorBody = {
    error: { message: fault.message, type: 'invalid_request_error', param: fault.param, code: fault.code },
  };
  return { statusCode: 400, body };
}

const MAX_REASON_CHARACTERS = 500;

/** @param reason what the runtime says, the same from any car */
export function inferenceFailedAnswer(reason: string): Answer {
  const message = `The model failed on this input: ${reason.slice(0, MAX_REASON_CHARACTERS)}`;
  const body: OpenAiErrorBody = { error: { message, type: 'server_error', param: null, code: 'inference_failed' } };
  return { statusCode: 500, body };
}

/** The runtime's own words, without the places in its source that differ from build to build. */
export function reasonOf(error: unknown): string {
  const text = messageOf(error);
  return text.replaceAll(/\/\S+\.(?:cc|h|cpp|hpp):\d+ ?/g, '').trim();
}

/** For a request on which the model's process dies every time. The same bytes from any car. */
export function poisonedAnswer(): Answer {
  const message = 'The model’s process died on this request, and on this one alone.';
  const body: OpenAiErrorBody = { error: { message, type: 'server_error', param: null, code: POISONED } };
  return { statusCode: 500, body };
}

const POISONED = 'request_crashed_model';

export function isPoisoned({ statusCode, body }: Answer): boolean {
  return statusCode === 500 && JSON.stringify(body).includes(POISONED);
}

/** The bytes of a body's only input, a BYTES tensor of one element that holds base64. */
export function singleBytesInput(body: unknown, inputName: string): Buffer {
  const parsed = inferRequestSchema.safeParse(body);
  if (!parsed.success) {
    const param = parsed.error.issues[0]?.path.join('.') ?? '';
    throw new BadRequest('invalid_body', param, `${param || 'body'} is not as the Open Inference Protocol wants it.`);
  }
  const [input, second] = parsed.data.inputs;
  if (input === undefined || second !== undefined || input.name !== inputName) {
    throw new BadRequest('invalid_inputs', 'inputs', `inputs must be exactly one tensor, named "${inputName}".`);
  }
  if (input.datatype !== 'BYTES') {
    throw new BadRequest('invalid_datatype', 'inputs.0.datatype', `datatype must be BYTES, not ${input.datatype}.`);
  }
  const [element] = input.data;
  if (input.shape.length !== 1 || input.shape[0] !== 1 || input.data.length !== 1 || typeof element !== 'string') {
    throw new BadRequest('invalid_shape', 'inputs.0.shape', 'shape must be [1], and data one base64 string.');
  }
  return Buffer.from(element, 'base64');
}
