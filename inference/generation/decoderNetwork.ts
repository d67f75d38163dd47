import { createReadStream } from 'node:fs';

import { Tensor, type InferenceSession } from 'onnxruntime-node';

import { halfBits, halfToFloat } from '../runner/halfFloat.ts';
import { QUANTISES_DYNAMICALLY } from '../models/dynamicQuantisation.ts';
import { kvTensor, type KvRows, type Padding } from './kvRows.ts';

/** A step of some rows: as many new tokens for each, after what the cache holds of it. */
export interface ForwardInput {
  /** One row of any length, or several rows of one token each. */
  readonly tokens: readonly (readonly number[])[];
  readonly past: KvRows | undefined;
  /** `each`: of every token of the one row. */
  readonly wantsLogits: 'none' | 'last' | 'each';
}

export interface ForwardOutput {
  /**
   * Of each row's last token, or of each token of the one row; empty where they were not wanted, and of the last one
   * alone where the network gives no others. The caller may change them.
   */
  readonly logits: readonly Float32Array[];
  readonly kv: KvRows;
}

/** A causal language model as an ONNX graph with a cache of keys and values, whatever exporter wrote it. */
export interface DecoderNetwork {
  readonly padding: Padding;
  /** Whether a row's numbers do not depend on its neighbours, nor on how its tokens are cut into steps. */
  readonly batchInvariant: boolean;
  readonly vocabularySize: number;
  /** Memory of one token of one row in the cache. */
  readonly kvBytesPerToken: number;
  forward(input: ForwardInput): Promise<ForwardOutput>;
}

interface CacheTensor {
  readonly past: string;
  readonly present: string;
  readonly type: 'float32' | 'float16';
  readonly heads: number;
  readonly size: number;
}

const PAST = /^past_key_values\.(\d+)\.(key|value)$/;
const KNOWN_INPUTS: ReadonlySet<string> = new Set([
  'input_ids',
  'attention_mask',
  'position_ids',
  'use_cache_branch',
  'num_logits_to_keep',
]);

/**
 * Finds out how the network wants to be asked.
 * @param networkPath the file that the session was made from: it tells more than the session does
 * @throws Error that names what it has or lacks
 */
export async function openDecoderNetwork(session: InferenceSession, networkPath: string): Promise<DecoderNetwork> {
  const named = await operatorsNamed(networkPath, ['GroupQueryAttention', ...QUANTISES_DYNAMICALLY]);
  const inputs = new Map(session.inputMetadata.map((each) => [each.name, each]));
  const cache = cacheTensors(session);
  for (const name of session.inputNames) {
    if (!KNOWN_INPUTS.has(name) && !PAST.test(name)) {
      throw new Error(`The network wants an input "${name}", which a causal language model does not have.`);
    }
  }
  const logits = session.outputMetadata.find(({ name }) => name === 'logits');
  if (!logits?.isTensor) throw new Error('The network has no output "logits".');
  const vocabularySize = Number(logits.shape.at(-1));
  if (!Number.isInteger(vocabularySize)) throw new Error('The network does not say how many logits it gives.');
  const presents = cache.map(({ present }) => present);
  const grouped = named.has('GroupQueryAttention');
  const integers = (name: string, numbers: readonly number[], dims: readonly number[]): Tensor => {
    const input = inputs.get(name);
    const isNarrow = input?.isTensor === true && input.type === 'int32';
    return isNarrow
      ? new Tensor('int32', Int32Array.from(numbers), dims)
      : new Tensor('int64', BigInt64Array.from(numbers, BigInt), dims);
  };

  return {
    // GroupQueryAttention counts the ones of a row's mask and takes them for the row's beginning.
    padding: grouped ? 'right' : 'left',
    batchInvariant: ![...QUANTISES_DYNAMICALLY].some((operator) => named.has(operator)),
    vocabularySize,
    kvBytesPerToken: cache.reduce((sum, { type, heads, size }) => sum + heads * size * (type === 'float16' ? 2 : 4), 0),
    forward: async ({ tokens, past, wantsLogits }) => {
      const rows = tokens.length;
      const steps = tokens[0]?.length ?? 0;
      const pastWidth = past?.width ?? 0;
      const width = pastWidth + steps;
      const lengths = past?.lengths ?? tokens.map(() => 0);
      const mask = lengths.flatMap((length) =>
        Array.from({ length: width }, (_, column) =>
          grouped ? Number(column < length + steps) : Number(column >= pastWidth - length),
        ),
      );
      const positions = lengths.flatMap((length) => Array.from({ length: steps }, (_, step) => length + step));
      const known: Readonly<Record<string, () => Tensor>> = {
        input_ids: () => integers('input_ids', tokens.flat(), [rows, steps]),
        attention_mask: () => integers('attention_mask', mask, [rows, width]),
        position_ids: () => integers('position_ids', positions, [rows, steps]),
        use_cache_branch: () => new Tensor('bool', [past !== undefined], [1]),
        num_logits_to_keep: () =>
          new Tensor('int64', BigInt64Array.of(wantsLogits === 'each' ? BigInt(steps) : 1n), []),
      };
      const feeds: Record<string, Tensor> = {};
      for (const [name, make] of Object.entries(known)) if (inputs.has(name)) feeds[name] = make();
      for (const { past: name, type, heads, size } of cache) {
        feeds[name] =
          past?.tensors.get(name) ??
          kvTensor(type === 'float16' ? new Uint16Array() : new Float32Array(), [rows, heads, 0, size]);
      }
      const outputs = await session.run(feeds, wantsLogits === 'none' ? presents : ['logits', ...presents]);
      const tensors = new Map<string, Tensor>();
      for (const { past: name, present } of cache) {
        const tensor = outputs[present];
        if (tensor?.dims[2] !== width) throw new Error(`The network gave a cache of another width than ${width}.`);
        tensors.set(name, tensor);
      }
      const kv = { tensors, width, lengths: lengths.map((length) => length + steps) };
      if (wantsLogits === 'none') return { kv, logits: [] };
      return { kv, logits: logitsOf(outputs['logits'], rows, vocabularySize, wantsLogits) };
    },
  };
}

function cacheTensors(session: InferenceSession): CacheTensor[] {
  const cache: CacheTensor[] = [];
  for (const input of session.inputMetadata) {
    const [, layer, part] = PAST.exec(input.name) ?? [];
    if (layer === undefined || !input.isTensor) continue;
    const [, heads, , size] = input.shape;
    const present = `present.${layer}.${part}`;
    if (!session.outputNames.includes(present)) throw new Error(`The network has no output "${present}".`);
    if (typeof heads !== 'number' || typeof size !== 'number' || heads < 1 || size < 1) {
      throw new Error(`The network does not say the heads and the size of "${input.name}".`);
    }
    if (input.type !== 'float32' && input.type !== 'float16') {
      throw new Error(`"${input.name}" is ${input.type}; float32 and float16 are served.`);
    }
    cache.push({ past: input.name, present, type: input.type, heads, size });
  }
  if (cache.length === 0) throw new Error('The network has no past_key_values: it is not exported for generation.');
  return cache;
}

/** Of the last position of each row, or of each position of the one row. */
function logitsOf(tensor: Tensor | undefined, rows: number, size: number, wanted: 'last' | 'each'): Float32Array[] {
  const [given, positions = 0, found] = tensor?.dims ?? [];
  if (!tensor || given !== rows || positions < 1 || found !== size) {
    throw new Error(`The network gave logits of shape ${tensor?.dims.join(' x ')}.`);
  }
  const { data } = tensor;
  const each = wanted === 'each' && rows === 1;
  return Array.from({ length: each ? positions : rows }, (_, index) => {
    const from = (each ? index : (index + 1) * positions - 1) * size;
    if (data instanceof Float32Array) return data.slice(from, from + size);
    if (!ArrayBuffer.isView(data)) throw new Error('The network gave no numbers.');
    return halfToFloat(halfBits(data).subarray(from, from + size));
  });
}

/** Which of the operators the file names. Weights are many times larger than the graph: it is not parsed for this. */
async function operatorsNamed(networkPath: string, operators: readonly string[]): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  const overlap = Math.max(...operators.map((name) => name.length));
  let tail = Buffer.alloc(0);
  for await (const chunk of createReadStream(networkPath, { highWaterMark: 4 * 1024 * 1024 })) {
    const bytes = Buffer.concat([tail, chunk]);
    for (const operator of operators) if (bytes.includes(operator)) found.add(operator);
    tail = bytes.subarray(-overlap);
  }
  return found;
}
