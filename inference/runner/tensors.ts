import { Tensor, type InferenceSession } from 'onnxruntime-node';
import { z } from 'zod';

import { TENSOR_DATATYPES, type TensorDatatype, type TensorsPipeline, type TensorSpec } from '../../domain/models.ts';
import type { AnswerRequest } from './imageCtc.ts';
import { BadRequest } from './openInference.ts';
import type { LoadedModel } from './protocol.ts';

const MAX_ELEMENTS = 16_777_216;
/**
 * Of all outputs of one request. A small request can ask a small model for any number of numbers: whoever passes them on,
 * the API's process for live requests, would stand still meanwhile, and a part with them could not be stored.
 */
const MAX_ANSWER_ELEMENTS = 2_097_152;
const MAX_BINARY_ANSWER_BYTES = 32 * 1024 * 1024;

const inputSchema = z.object({
  name: z.string(),
  shape: z.array(z.number().int().min(0)).max(8),
  datatype: z.enum(TENSOR_DATATYPES),
  data: z.array(z.unknown()).optional(),
  /** The binary form of the tensor in base64: how the API hands on what came beside the JSON. */
  raw_base64: z.string().optional(),
});
const bodySchema = z.object({
  id: z.string().max(200).optional(),
  inputs: z.array(inputSchema).min(1).max(64),
  outputs: z
    .array(z.object({ name: z.string() }))
    .max(64)
    .optional(),
  parameters: z.looseObject({ raw_outputs: z.boolean().optional() }).optional(),
});
type InputTensor = z.output<typeof inputSchema>;

type NumericArray =
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

interface Numeric {
  readonly ort:
    | 'bool'
    | 'int8'
    | 'int16'
    | 'int32'
    | 'int64'
    | 'uint8'
    | 'uint16'
    | 'uint32'
    | 'uint64'
    | 'float16'
    | 'float32'
    | 'float64';
  readonly array: new (buffer: ArrayBuffer) => NumericArray;
  readonly bytes: number;
  /** Limits of whole numbers; undefined for floats. */
  readonly limits?: readonly [bigint, bigint];
}

const whole = (bits: number, signed: boolean): readonly [bigint, bigint] =>
  signed ? [-(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1) - 1n] : [0n, 2n ** BigInt(bits) - 1n];

const NUMERIC: Readonly<Record<Exclude<TensorDatatype, 'BYTES'>, Numeric>> = {
  BOOL: { ort: 'bool', array: Uint8Array, bytes: 1, limits: [0n, 1n] },
  INT8: { ort: 'int8', array: Int8Array, bytes: 1, limits: whole(8, true) },
  INT16: { ort: 'int16', array: Int16Array, bytes: 2, limits: whole(16, true) },
  INT32: { ort: 'int32', array: Int32Array, bytes: 4, limits: whole(32, true) },
  INT64: { ort: 'int64', array: BigInt64Array, bytes: 8, limits: whole(64, true) },
  UINT8: { ort: 'uint8', array: Uint8Array, bytes: 1, limits: whole(8, false) },
  UINT16: { ort: 'uint16', array: Uint16Array, bytes: 2, limits: whole(16, false) },
  UINT32: { ort: 'uint32', array: Uint32Array, bytes: 4, limits: whole(32, false) },
  UINT64: { ort: 'uint64', array: BigUint64Array, bytes: 8, limits: whole(64, false) },
  FP16: { ort: 'float16', array: Uint16Array, bytes: 2 },
  FP32: { ort: 'float32', array: Float32Array, bytes: 4 },
  FP64: { ort: 'float64', array: Float64Array, bytes: 8 },
};

/** Runs a network on the tensors of an Open Inference Protocol request, as they are. */
export function tensorsPipeline(
  session: InferenceSession,
  model: LoadedModel,
  pipeline: TensorsPipeline,
): AnswerRequest {
  return async (body) => {
    const parsed = bodySchema.safeParse(body);
    if (!parsed.success) {
      const param = parsed.error.issues[0]?.path.join('.') ?? '';
      throw new BadRequest('invalid_body', param, `${param || 'body'} is not as the Open Inference Protocol wants it.`);
    }
    const { id, inputs, outputs, parameters } = parsed.data;
    const names = outputs?.map(({ name }) => name) ?? pipeline.outputs.map(({ name }) => name);
    for (const [index, name] of names.entries()) {
      if (!pipeline.outputs.some((spec) => spec.name === name)) {
        throw new BadRequest('invalid_outputs', `outputs.${index}.name`, `The model has no output "${name}".`);
      }
    }
    const results = await session.run(feedsOf(inputs, pipeline.inputs), names);
    const isRaw = parameters?.raw_outputs === true;
    const found = names.map((name) => {
      const tensor = results[name];
      const spec = pipeline.outputs.find((candidate) => candidate.name === name);
      if (!tensor || !spec) throw new Error(`The network gave no "${name}".`);
      return { spec, tensor };
    });
    checkSize(found, isRaw);
    const answered = found.map(({ spec, tensor }) => outputOf(spec, tensor, isRaw));
    return {
      statusCode: 200,
      body: {
        model_name: model.name,
        model_version: model.version,
        ...(id !== undefined && { id }),
        outputs: answered,
      },
    };
  };
}

function feedsOf(inputs: readonly InputTensor[], specs: readonly TensorSpec[]): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  for (const [index, input] of inputs.entries()) {
    const at = `inputs.${index}`;
    const spec = specs.find(({ name }) => name === input.name);
    if (!spec) throw new BadRequest('invalid_inputs', `${at}.name`, `The model has no input "${input.name}".`);
    if (feeds[input.name]) throw new BadRequest('invalid_inputs', `${at}.name`, `"${input.name}" comes twice.`);
    if (spec.datatype !== input.datatype) {
      throw new BadRequest(
        'invalid_datatype',
        `${at}.datatype`,
        `"${input.name}" is ${spec.datatype}, not ${input.datatype}.`,
      );
    }
    const fits =
      spec.shape.length === input.shape.length &&
      spec.shape.every((length, axis) => length === -1 || length === input.shape[axis]);
    if (!fits) {
      throw new BadRequest('invalid_shape', `${at}.shape`, `"${input.name}" has the shape [${spec.shape.join(', ')}].`);
    }
    feeds[input.name] = inputTensor(input, at);
  }
  const missing = specs.find(({ name }) => !feeds[name]);
  if (missing) throw new BadRequest('invalid_inputs', 'inputs', `The input "${missing.name}" is missing.`);
  return feeds;
}

function inputTensor(input: InputTensor, at: string): Tensor {
  const count = input.shape.reduce((total, length) => total * length, 1);
  if (count > MAX_ELEMENTS) {
    throw new BadRequest('invalid_shape', `${at}.shape`, `A tensor has at most ${MAX_ELEMENTS} elements.`);
  }
  if (input.datatype === 'BYTES') return new Tensor('string', textsOf(input, count, at), input.shape);
  const { ort, array: NumberArray, bytes, limits } = NUMERIC[input.datatype];
  if (input.raw_base64 !== undefined) {
    const raw = Buffer.from(input.raw_base64, 'base64');
    if (raw.length !== count * bytes) throw wrongLength(at, count * bytes, raw.length, 'bytes');
    return typed(ort, new NumberArray(new Uint8Array(raw).buffer), input.shape);
  }
  if (input.datatype === 'FP16') {
    throw new BadRequest('invalid_datatype', `${at}.datatype`, 'FP16 has no JSON form: send it as binary data.');
  }
  const flat = flattened(input.data, count, at);
  const values = new NumberArray(new ArrayBuffer(count * bytes));
  for (const [index, element] of flat.entries())
    values[index] = numberOf(element, limits, values, `${at}.data.${index}`);
  return typed(ort, values, input.shape);
}

/** The SDK's overloads want the type and its array named together. */
function typed(type: Numeric['ort'], values: NumericArray, shape: readonly number[]): Tensor {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return new Tensor(type as 'float32', values as Float32Array, shape);
}

function numberOf(
  element: unknown,
  limits: readonly [bigint, bigint] | undefined,
  values: NumericArray,
  param: string,
): never {
  const given = typeof element === 'boolean' ? Number(element) : element;
  const isWhole = typeof given === 'bigint' || Number.isInteger(given);
  if ((typeof given !== 'number' && typeof given !== 'bigint') || (limits && !isWhole)) {
    throw new BadRequest('invalid_data', param, `${param} must be a ${limits ? 'whole ' : ''}number.`);
  }
  if (limits && (BigInt(given) < limits[0] || BigInt(given) > limits[1])) {
    throw new BadRequest('invalid_data', param, `${param} must be from ${limits[0]} to ${limits[1]}.`);
  }
  const isBig = values instanceof BigInt64Array || values instanceof BigUint64Array;
  // Each array takes its own kind of number.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return (isBig ? BigInt(given) : Number(given)) as never;
}

/** OIP allows nested lists as well as one flat list. */
function flattened(data: readonly unknown[] | undefined, count: number, at: string): unknown[] {
  const flat = (data ?? []).flat(8);
  if (flat.length !== count) throw wrongLength(at, count, flat.length, 'elements');
  return flat;
}

function wrongLength(at: string, wanted: number, got: number, unit: string): BadRequest {
  return new BadRequest(
    'invalid_data',
    `${at}.data`,
    `${at}.data must have ${wanted} ${unit} for its shape, has ${got}.`,
  );
}

/** BYTES elements: texts in JSON; in binary form each with its length before it, 32 bits little-endian. */
function textsOf(input: InputTensor, count: number, at: string): string[] {
  if (input.raw_base64 === undefined) {
    return flattened(input.data, count, at).map((element, index) => {
      if (typeof element === 'string') return element;
      throw new BadRequest('invalid_data', `${at}.data.${index}`, `${at}.data.${index} must be a text.`);
    });
  }
  const raw = Buffer.from(input.raw_base64, 'base64');
  const texts: string[] = [];
  let offset = 0;
  while (offset + 4 <= raw.length && texts.length < count) {
    const length = raw.readUInt32LE(offset);
    texts.push(raw.toString('utf8', offset + 4, offset + 4 + length));
    offset += 4 + length;
  }
  if (texts.length !== count || offset !== raw.length) throw wrongLength(at, count, texts.length, 'elements');
  return texts;
}

/** Before anything is made of them. @throws BadRequest */
function checkSize(found: readonly { readonly spec: TensorSpec; readonly tensor: Tensor }[], isRaw: boolean): void {
  let elements = 0;
  let bytes = 0;
  for (const { spec, tensor } of found) {
    const { data } = tensor;
    if (!Array.isArray(data) && (isRaw || spec.datatype === 'FP16')) {
      bytes += data.byteLength;
      continue;
    }
    elements += data.length;
    if (Array.isArray(data)) bytes += data.reduce((sum, text) => sum + Buffer.byteLength(text) + 4, 0);
  }
  const shapes = found.map(({ spec, tensor }) => `"${spec.name}" [${tensor.dims.join(', ')}]`).join(', ');
  const what =
    elements > MAX_ANSWER_ELEMENTS
      ? `${elements} elements, at most ${MAX_ANSWER_ELEMENTS} in JSON`
      : bytes > MAX_BINARY_ANSWER_BYTES
        ? `${bytes} bytes, at most ${MAX_BINARY_ANSWER_BYTES}`
        : undefined;
  if (what === undefined) return;
  const hint = isRaw ? 'Ask for fewer outputs or a smaller input.' : 'Ask for fewer outputs or, live, for binary data.';
  throw new BadRequest('answer_too_large', 'outputs', `The answer ${shapes} has ${what}. ${hint}`);
}

function outputOf({ name, datatype }: TensorSpec, tensor: Tensor, raw: boolean): object {
  const shape = [...tensor.dims];
  const { data } = tensor;
  if (Array.isArray(data)) {
    if (!raw) return { name, datatype, shape, data };
    const parts = data.flatMap((text) => {
      const bytes = Buffer.from(text, 'utf8');
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    });
    return { name, datatype, shape, raw_base64: Buffer.concat(parts).toString('base64') };
  }
  if (raw || datatype === 'FP16') {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    return { name, datatype, shape, raw_base64: bytes.toString('base64') };
  }
  const numbers: (number | bigint)[] = [];
  for (const element of data) {
    const number = Number(element);
    numbers.push(typeof element === 'bigint' && !Number.isSafeInteger(number) ? element : number);
  }
  return { name, datatype, shape, data: numbers };
}
