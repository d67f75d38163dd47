import { z } from 'zod';

import { NightshiftError } from '../../domain/errors.ts';
import { parseExactJson, stringifyExactJson } from '../../domain/json.ts';

const sizedParameters = z.looseObject({ binary_data_size: z.number().int().min(0).optional() });
const requestSchema = z.looseObject({
  inputs: z.array(z.looseObject({ parameters: sizedParameters.optional() })),
  outputs: z.array(z.looseObject({ name: z.string(), parameters: z.looseObject({}).optional() })).optional(),
  parameters: z.looseObject({}).optional(),
});

export interface InferBody {
  /** As the runner takes it: tensors in JSON, or as `raw_base64`. */
  readonly body: unknown;
  /** Whether any output is wanted in binary form. */
  readonly binaryOutputs: boolean;
}

/**
 * Reads the body of an infer request: JSON, or JSON of `headerBytes` bytes with the binary tensors behind it in their
 * order (binary tensor data extension of the Open Inference Protocol).
 * @throws NightshiftError `invalid_request`
 */
export function readInferBody(bytes: Buffer, headerBytes: string | undefined): InferBody {
  const jsonLength = headerBytes === undefined ? bytes.length : Number(headerBytes);
  if (!Number.isInteger(jsonLength) || jsonLength < 0 || jsonLength > bytes.length) {
    throw invalid('Inference-Header-Content-Length must be the length of the JSON part in bytes.');
  }
  const parsed = requestSchema.safeParse(parseExactJson(bytes.subarray(0, jsonLength).toString('utf8')));
  if (!parsed.success) throw invalid('The body is not a JSON object with a list of inputs.');
  const request = parsed.data;
  let offset = jsonLength;
  const inputs = request.inputs.map((input) => {
    const size = input.parameters?.binary_data_size;
    // `raw_base64` is between us and the runner; callers have the binary form for it.
    const { raw_base64: _, ...rest } = input;
    if (size === undefined) return rest;
    if (offset + size > bytes.length) throw invalid('The binary data ends before the last tensor does.');
    const raw = bytes.subarray(offset, offset + size);
    offset += size;
    return { ...rest, raw_base64: raw.toString('base64') };
  });
  if (offset !== bytes.length) throw invalid('There is more binary data than the inputs name.');
  const wantsAll = request.parameters?.['binary_data_output'] === true;
  const binaryOutputs =
    wantsAll || (request.outputs ?? []).some(({ parameters }) => parameters?.['binary_data'] === true);
  return { body: { ...request, inputs, parameters: { raw_outputs: binaryOutputs } }, binaryOutputs };
}

const answerSchema = z.looseObject({ outputs: z.array(z.looseObject({ raw_base64: z.string().optional() })) });

/** The answer with its raw tensors behind the JSON. */
export function writeBinaryAnswer(body: unknown): { readonly bytes: Buffer; readonly headerBytes: number } {
  const answer = answerSchema.parse(body);
  const raws: Buffer[] = [];
  const outputs = answer.outputs.map(({ raw_base64: raw, ...rest }) => {
    if (raw === undefined) return rest;
    const bytes = Buffer.from(raw, 'base64');
    raws.push(bytes);
    return { ...rest, parameters: { binary_data_size: bytes.length } };
  });
  const json = Buffer.from(stringifyExactJson({ ...answer, outputs }));
  return { bytes: Buffer.concat([json, ...raws]), headerBytes: json.length };
}

function invalid(message: string): NightshiftError {
  return new NightshiftError('invalid_request', message);
}
