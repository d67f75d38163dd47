import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { NodeProto, TensorProto, ValueInfoProto } from 'onnx-buf';

import { characterOfByte } from '../../inference/generation/vocabulary.ts';
import { bytesOf, node, ONNX_TYPES, onnxFile, tensor, value } from '../../training/onnx/onnxGraph.ts';

/** How the network is exported, and how its weights are stored. */
export interface TinyLlamaOptions {
  readonly layout: 'huggingface' | 'onnxruntime-genai';
  readonly weights: 'fp32' | 'fp16' | 'int8' | 'q4';
  readonly chatTemplate?: string;
}

const [HIDDEN, HEADS, KV_HEADS, HEAD_SIZE, INNER, LAYERS] = [64, 4, 2, 16, 96, 2];
export const TINY_CONTEXT = 512;
const SPECIAL = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'] as const;
/** Bytes, then merges, then special tokens. */
const MERGES = ['t h', 'h e', 'Ġ a', 'Ġ th', 'i n', 'o n', 'r e', '" :', 'Ġ {', '{ "'];
export const TINY_TOKENS = {
  end: 256 + MERGES.length + 2,
  vocabulary: 256 + MERGES.length + SPECIAL.length,
} as const;
export const TINY_TEMPLATE =
  "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
const BLOCK = 16;
const MICROSOFT = 'com.microsoft';

/** A Llama of two layers with seeded weights, in a folder as users have it on disk. @returns the network's path */
export async function writeTinyLlama(folder: string, options: TinyLlamaOptions): Promise<string> {
  const isGenai = options.layout === 'onnxruntime-genai';
  const networkPath = join(folder, isGenai ? 'model.onnx' : 'onnx/model.onnx');
  await mkdir(dirname(networkPath), { recursive: true });
  await writeFile(networkPath, tinyLlamaNetwork(options));
  const template = options.chatTemplate ?? TINY_TEMPLATE;
  const files: Record<string, object | string> = {
    'tokenizer.json': tinyTokenizer(isGenai),
    'tokenizer_config.json': {
      tokenizer_class: 'GPT2Tokenizer',
      bos_token: isGenai ? { content: SPECIAL[1], special: true } : SPECIAL[1],
      eos_token: SPECIAL[2],
      ...(!isGenai && { chat_template: template }),
    },
    ...(isGenai
      ? {
          'genai_config.json': { model: { context_length: TINY_CONTEXT, eos_token_id: [TINY_TOKENS.end] } },
          'chat_template.jinja': template,
        }
      : {
          'config.json': {
            architectures: ['LlamaForCausalLM'],
            max_position_embeddings: TINY_CONTEXT,
            eos_token_id: 0,
          },
          'generation_config.json': { eos_token_id: TINY_TOKENS.end },
        }),
  };
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return networkPath;
}

function tinyTokenizer(mergesAsPairs: boolean): object {
  const names = Array.from({ length: 256 }, (_, byte) => characterOfByte(byte));
  names.push(...MERGES.map((merge) => merge.replace(' ', '')));
  return {
    version: '1.0',
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel' },
    added_tokens: SPECIAL.map((content, index) => ({
      id: names.length + index,
      content,
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    })),
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(names.map((name, id) => [name, id])),
      merges: mergesAsPairs ? MERGES.map((merge) => merge.split(' ')) : MERGES,
    },
  };
}

function tinyLlamaNetwork({ layout, weights: stored }: TinyLlamaOptions): Uint8Array {
  const { FLOAT, FLOAT16, INT64, INT32, UINT8, INT8 } = ONNX_TYPES;
  const real = stored === 'fp16' ? FLOAT16 : FLOAT;
  const grouped = layout === 'onnxruntime-genai';
  const nodes: NodeProto[] = [];
  const weights: TensorProto[] = [];
  const random = randomNumbers();
  let names = 0;
  const name = (hint: string): string => `${hint}_${(names += 1)}`;
  const add = (op: string, inputs: string[], attributes = {}, domain = ''): string => {
    const output = name(op);
    nodes.push(node(op, inputs, [output], attributes, domain));
    return output;
  };
  const reals = (hint: string, dims: number[], numbers: readonly number[]): string => {
    const its = name(hint);
    const bytes = stored === 'fp16' ? Uint16Array.from(numbers, halfOf) : Float32Array.from(numbers);
    weights.push(tensor(its, real, dims, bytesOf(bytes)));
    return its;
  };
  const integers = (hint: string, dims: number[], numbers: number[]): string => {
    const its = name(hint);
    weights.push(tensor(its, INT64, dims, bytesOf(BigInt64Array.from(numbers, BigInt))));
    return its;
  };
  const drawn = (count: number, scale: number): number[] => Array.from({ length: count }, () => random() * scale);

  const linear = (x: string, from: number, to: number): string => {
    const numbers = drawn(from * to, 0.35);
    if (stored === 'int8') {
      const scale = 0.35 / 127;
      const quantised = name('weight');
      weights.push(tensor(quantised, INT8, [from, to], bytesOf(Int8Array.from(numbers, (each) => each / scale))));
      const [q, xScale, xZero] = [name('q'), name('q_scale'), name('q_zero')];
      nodes.push(node('DynamicQuantizeLinear', [x], [q, xScale, xZero]));
      const product = add('Cast', [add('MatMulInteger', [q, quantised, xZero])], { to: FLOAT });
      return add('Mul', [product, add('Mul', [xScale, reals('scale', [], [scale])])]);
    }
    if (stored === 'q4') {
      const blocks = from / BLOCK;
      const packed = new Uint8Array((to * from) / 2);
      for (let column = 0; column < to; column += 1) {
        for (let row = 0; row < from; row += 1) {
          const level = Math.max(0, Math.min(15, Math.round(8 + (numbers[row * to + column] ?? 0) / 0.05)));
          const at = (column * from + row) >> 1;
          packed[at] = (packed[at] ?? 0) | (level << (4 * (row % 2)));
        }
      }
      const quantised = name('weight');
      weights.push(tensor(quantised, UINT8, [to, blocks, BLOCK / 2], bytesOf(packed)));
      const scales = reals(
        'scales',
        [to * blocks],
        Array.from({ length: to * blocks }, () => 0.05),
      );
      return add('MatMulNBits', [x, quantised, scales], { K: from, N: to, bits: 4, block_size: BLOCK }, MICROSOFT);
    }
    return add('MatMul', [x, reals('weight', [from, to], numbers)]);
  };
  const normed = (x: string): string => {
    const mean = add('ReduceMean', [add('Mul', [x, x])], { axes: [-1], keepdims: 1 });
    const deviation = add('Sqrt', [add('Add', [mean, reals('epsilon', [], [1e-3])])]);
    return add('Mul', [
      add('Div', [x, deviation]),
      reals(
        'gain',
        [HIDDEN],
        drawn(HIDDEN, 0.2).map((each) => 1 + each),
      ),
    ]);
  };
  const headed = (x: string, heads: number): string =>
    add('Transpose', [add('Reshape', [x, integers('shape', [4], [0, 0, heads, HEAD_SIZE])])], { perm: [0, 2, 1, 3] });

  const angles = Array.from({ length: TINY_CONTEXT * (HEAD_SIZE / 2) }, (_, index) => {
    const [position, pair] = [Math.floor(index / (HEAD_SIZE / 2)), index % (HEAD_SIZE / 2)];
    return position / 100 ** ((2 * pair) / HEAD_SIZE);
  });
  const cosines = reals('cosines', [TINY_CONTEXT, HEAD_SIZE / 2], angles.map(Math.cos));
  const sines = reals('sines', [TINY_CONTEXT, HEAD_SIZE / 2], angles.map(Math.sin));
  const axis = (position: number): string => integers('axis', [1], [position]);
  const rotated = (x: string): string => {
    const [first, second] = [name('half'), name('half')];
    nodes.push(node('Split', [x], [first, second], { axis: 3 }));
    const cosine = add('Unsqueeze', [add('Gather', [cosines, 'position_ids']), axis(1)]);
    const sine = add('Unsqueeze', [add('Gather', [sines, 'position_ids']), axis(1)]);
    const left = add('Sub', [add('Mul', [first, cosine]), add('Mul', [second, sine])]);
    const right = add('Add', [add('Mul', [second, cosine]), add('Mul', [first, sine])]);
    return add('Concat', [left, right], { axis: 3 });
  };
  const lengthOf = (input: string): string =>
    add('Gather', [add('Shape', [input]), integers('index', [], [1])], { axis: 0 });

  const total = lengthOf('attention_mask');
  let attend: (q: string, k: string, v: string, layer: number) => string;
  if (grouped) {
    const ones = add('ReduceSum', ['attention_mask', axis(1)], { keepdims: 0 });
    const lengths = add('Cast', [add('Sub', [ones, integers('one', [], [1])])], { to: INT32 });
    const total32 = add('Cast', [total], { to: INT32 });
    attend = (q, k, v, layer) => {
      const output = name('attention');
      const past = [`past_key_values.${layer}.key`, `past_key_values.${layer}.value`];
      nodes.push(
        node(
          'GroupQueryAttention',
          [q, k, v, ...past, lengths, total32, cosines, sines],
          [output, `present.${layer}.key`, `present.${layer}.value`],
          { num_heads: HEADS, kv_num_heads: KV_HEADS, do_rotary: 1 },
          MICROSOFT,
        ),
      );
      return output;
    };
  } else {
    const [zero, one] = [integers('zero', [], [0]), integers('one', [], [1])];
    const columns = add('Unsqueeze', [add('Range', [zero, total, one]), axis(0)]);
    const from = add('Sub', [total, lengthOf('input_ids')]);
    const queries = add('Unsqueeze', [add('Range', [from, total, one]), axis(1)]);
    const causal = add('LessOrEqual', [columns, queries]);
    const present = add('Unsqueeze', [
      add('Cast', ['attention_mask'], { to: ONNX_TYPES.BOOL }),
      integers('axes', [2], [1, 2]),
    ]);
    const bias = add('Where', [add('And', [present, causal]), reals('open', [], [0]), reals('closed', [], [-10_000])]);
    const groups = integers(
      'groups',
      [HEADS],
      Array.from({ length: HEADS }, (_, head) => head >> 1),
    );
    attend = (q, k, v, layer) => {
      const cached = (x: string, part: string): string => {
        const output = `present.${layer}.${part}`;
        nodes.push(node('Concat', [`past_key_values.${layer}.${part}`, x], [output], { axis: 2 }));
        return add('Gather', [output, groups], { axis: 1 });
      };
      const keys = cached(rotated(headed(k, KV_HEADS)), 'key');
      const values = cached(headed(v, KV_HEADS), 'value');
      const scores = add('MatMul', [rotated(headed(q, HEADS)), add('Transpose', [keys], { perm: [0, 1, 3, 2] })]);
      const scaled = add('Add', [add('Mul', [scores, reals('scale', [], [HEAD_SIZE ** -0.5])]), bias]);
      const mixed = add('Transpose', [add('MatMul', [add('Softmax', [scaled], { axis: -1 }), values])], {
        perm: [0, 2, 1, 3],
      });
      return add('Reshape', [mixed, integers('shape', [3], [0, 0, HIDDEN])]);
    };
  }

  const embedding = reals('embedding', [TINY_TOKENS.vocabulary, HIDDEN], drawn(TINY_TOKENS.vocabulary * HIDDEN, 1));
  let x = add('Gather', [embedding, 'input_ids']);
  for (let layer = 0; layer < LAYERS; layer += 1) {
    const before = normed(x);
    const attended = attend(
      linear(before, HIDDEN, HIDDEN),
      linear(before, HIDDEN, KV_HEADS * HEAD_SIZE),
      linear(before, HIDDEN, KV_HEADS * HEAD_SIZE),
      layer,
    );
    x = add('Add', [x, linear(attended, HIDDEN, HIDDEN)]);
    const between = normed(x);
    const gate = linear(between, HIDDEN, INNER);
    const open = add('Mul', [add('Mul', [gate, add('Sigmoid', [gate])]), linear(between, HIDDEN, INNER)]);
    x = add('Add', [x, linear(open, INNER, HIDDEN)]);
  }
  const head = reals('head', [HIDDEN, TINY_TOKENS.vocabulary], drawn(TINY_TOKENS.vocabulary * HIDDEN, 1));
  nodes.push(node('MatMul', [normed(x), head], ['logits']));

  const cache = (hint: string, width: string): ValueInfoProto[] =>
    Array.from({ length: LAYERS }, (_, layer) =>
      ['key', 'value'].map((part) => value(`${hint}.${layer}.${part}`, real, ['batch', KV_HEADS, width, HEAD_SIZE])),
    ).flat();
  return onnxFile({
    name: 'tiny-llama',
    opset: 17,
    domains: { [MICROSOFT]: 1 },
    inputs: [
      value('input_ids', INT64, ['batch', 'sequence']),
      value('attention_mask', INT64, ['batch', 'total']),
      ...(grouped ? [] : [value('position_ids', INT64, ['batch', 'sequence'])]),
      ...cache('past_key_values', 'past'),
    ],
    outputs: [value('logits', real, ['batch', 'sequence', TINY_TOKENS.vocabulary]), ...cache('present', 'total')],
    weights,
    nodes,
  });
}

/** From -1 to 1, the same at every run (Numerical Recipes' generator). */
function randomNumbers(): () => number {
  let state = 20_241_128;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** Rounded towards zero; for numbers that halves can hold. */
function halfOf(number: number): number {
  const bits = new Uint32Array(Float32Array.of(number).buffer)[0] ?? 0;
  const exponent = ((bits >>> 23) & 0xff) - 112;
  return exponent <= 0 ? 0 : ((bits >>> 16) & 0x8000) | (exponent << 10) | ((bits >>> 13) & 0x3ff);
}
