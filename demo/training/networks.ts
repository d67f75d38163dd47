import type { NodeProto, TensorProto } from 'onnx-buf';

import { bytesOf, node, ONNX_TYPES, onnxFile, tensor, value } from '../../training/onnx/onnxGraph.ts';
import { seededRandom } from '../../domain/random.ts';
import { normal } from '../../training/random.ts';

const { FLOAT, INT64 } = ONNX_TYPES;

export interface ClassifierSize {
  readonly words: number;
  readonly dimensions: number;
  readonly hidden: number;
  readonly classes: number;
  /** Words of a text that are read. */
  readonly length: number;
}

/** Words to a class: the mean of their vectors, a hidden layer, logits. Word 0 is no word. Weights by chance. */
export function classifierNetwork({ words, dimensions, hidden, classes, length }: ClassifierSize): Uint8Array {
  const weights = new Weights(1);
  return onnxFile({
    name: 'gloss-classifier',
    opset: 17,
    inputs: [value('input_ids', INT64, ['batch', length])],
    outputs: [value('logits', FLOAT, ['batch', classes])],
    weights: [
      weights.normal('words', [words, dimensions], 0.5),
      weights.normal('hidden.weight', [dimensions, hidden], Math.sqrt(2 / dimensions)),
      weights.filled('hidden.bias', [hidden], 0),
      weights.normal('classes.weight', [hidden, classes], Math.sqrt(1 / hidden)),
      weights.filled('classes.bias', [classes], 0),
      whole('none', []),
      whole('last', [1], -1),
      whole('across', [1], 1),
      float('one', 1),
    ],
    nodes: [
      node('Gather', ['words', 'input_ids'], ['vectors']),
      node('Greater', ['input_ids', 'none'], ['isWord']),
      node('Cast', ['isWord'], ['counts'], { to: FLOAT }),
      node('Unsqueeze', ['counts', 'last'], ['mask']),
      node('Mul', ['vectors', 'mask'], ['read']),
      node('ReduceSum', ['read', 'across'], ['sum'], { keepdims: 0 }),
      node('ReduceSum', ['counts', 'across'], ['count'], { keepdims: 1 }),
      node('Max', ['count', 'one'], ['atLeastOne']),
      node('Div', ['sum', 'atLeastOne'], ['mean']),
      node('Gemm', ['mean', 'hidden.weight', 'hidden.bias'], ['before']),
      node('Relu', ['before'], ['after']),
      node('Gemm', ['after', 'classes.weight', 'classes.bias'], ['logits']),
    ],
  });
}

export interface TransformerSize {
  readonly words: number;
  readonly width: number;
  readonly heads: number;
  readonly layers: number;
  readonly length: number;
}

/** A causal language model: layers of attention and Gelu, normalised before each (GPT-2's form). Weights by chance. */
export function transformerNetwork({ words, width, heads, layers, length }: TransformerSize): Uint8Array {
  const weights = new Weights(2);
  const size = width / heads;
  const constants: TensorProto[] = [
    weights.normal('words', [words, width], 0.02),
    weights.normal('places', [length, width], 0.02),
    whole('split', [4], 0, 0, heads, size),
    whole('join', [3], 0, 0, width),
    float('scale', 1 / Math.sqrt(size)),
    weights.future('future', length),
    ...norm(weights, 'end', width),
    float('one', 1),
    float('half', 0.5),
    float('cube', 0.044715),
    float('inner', Math.sqrt(2 / Math.PI)),
    weights.normal('head', [width, words], 0.02),
  ];
  const nodes: NodeProto[] = [
    node('Gather', ['words', 'input_ids'], ['vectors']),
    node('Add', ['vectors', 'places'], ['layer0']),
  ];
  for (let layer = 0; layer < layers; layer++) {
    const name = (part: string): string => `${layer}/${part}`;
    constants.push(
      ...norm(weights, name('norm1'), width),
      ...norm(weights, name('norm2'), width),
      weights.normal(name('qkv'), [width, 3 * width], 0.02),
      weights.filled(name('qkv.bias'), [3 * width], 0),
      weights.normal(name('out'), [width, width], 0.02 / Math.sqrt(2 * layers)),
      weights.normal(name('up'), [width, 4 * width], 0.02),
      weights.filled(name('up.bias'), [4 * width], 0),
      weights.normal(name('down'), [4 * width, width], 0.02 / Math.sqrt(2 * layers)),
    );
    nodes.push(
      normalised(`layer${layer}`, name('norm1'), name('in')),
      ...attention(name),
      node('Add', [`layer${layer}`, name('attended')], [name('middle')]),
      normalised(name('middle'), name('norm2'), name('in2')),
      ...feedForward(name),
      node('Add', [name('middle'), name('fed')], [`layer${layer + 1}`]),
    );
  }
  nodes.push(normalised(`layer${layers}`, 'end', 'ended'), node('MatMul', ['ended', 'head'], ['logits']));
  return onnxFile({
    name: 'gloss-transformer',
    opset: 17,
    inputs: [value('input_ids', INT64, ['batch', length])],
    outputs: [value('logits', FLOAT, ['batch', length, words])],
    weights: constants,
    nodes,
  });
}

function attention(name: (part: string) => string): NodeProto[] {
  const head = (part: string, perm: readonly number[]): NodeProto[] => [
    node('Reshape', [name(part), 'split'], [name(`${part}/heads`)]),
    node('Transpose', [name(`${part}/heads`)], [name(`${part}/first`)], { perm }),
  ];
  return [
    node('MatMul', [name('in'), name('qkv')], [name('flat')]),
    node('Add', [name('flat'), name('qkv.bias')], [name('all')]),
    node('Split', [name('all')], [name('q'), name('k'), name('v')], { axis: 2 }),
    ...head('q', [0, 2, 1, 3]),
    ...head('k', [0, 2, 3, 1]),
    ...head('v', [0, 2, 1, 3]),
    node('MatMul', [name('q/first'), name('k/first')], [name('raw')]),
    node('Mul', [name('raw'), 'scale'], [name('scaled')]),
    node('Add', [name('scaled'), 'future'], [name('masked')]),
    node('Softmax', [name('masked')], [name('shares')], { axis: -1 }),
    node('MatMul', [name('shares'), name('v/first')], [name('mixed')]),
    node('Transpose', [name('mixed')], [name('mixed/back')], { perm: [0, 2, 1, 3] }),
    node('Reshape', [name('mixed/back'), 'join'], [name('joined')]),
    node('MatMul', [name('joined'), name('out')], [name('attended')]),
  ];
}

/** Gelu by tanh, from operators of this opset. */
function feedForward(name: (part: string) => string): NodeProto[] {
  return [
    node('MatMul', [name('in2'), name('up')], [name('wide0')]),
    node('Add', [name('wide0'), name('up.bias')], [name('wide')]),
    node('Mul', [name('wide'), name('wide')], [name('square')]),
    node('Mul', [name('square'), 'cube'], [name('cubed')]),
    node('Add', [name('cubed'), 'one'], [name('bend')]),
    node('Mul', [name('wide'), 'inner'], [name('inner')]),
    node('Mul', [name('inner'), name('bend')], [name('argument')]),
    node('Tanh', [name('argument')], [name('tanh')]),
    node('Add', [name('tanh'), 'one'], [name('share')]),
    node('Mul', [name('wide'), 'half'], [name('halved')]),
    node('Mul', [name('halved'), name('share')], [name('bent')]),
    node('MatMul', [name('bent'), name('down')], [name('fed')]),
  ];
}

function norm(weights: Weights, name: string, width: number): TensorProto[] {
  return [weights.filled(`${name}.scale`, [width], 1), weights.filled(`${name}.bias`, [width], 0)];
}

function normalised(from: string, name: string, to: string): NodeProto {
  return node('LayerNormalization', [from, `${name}.scale`, `${name}.bias`], [to], { axis: -1 });
}

function whole(name: string, dims: readonly number[], ...values: readonly number[]): TensorProto {
  const given = values.length > 0 ? values : [0];
  return tensor(name, INT64, dims, bytesOf(BigInt64Array.from(given, BigInt)));
}

function float(name: string, number: number): TensorProto {
  return tensor(name, FLOAT, [], bytesOf(Float32Array.of(number)));
}

/** First values of weights, the same on every run. */
class Weights {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  normal(name: string, dims: readonly number[], deviation: number): TensorProto {
    return this.#tensor(name, dims, () => deviation * normal(this.#random));
  }

  filled(name: string, dims: readonly number[], number: number): TensorProto {
    return this.#tensor(name, dims, () => number);
  }

  /** Added to scores: so far below 0 that what comes later has no share. Whoever trains must freeze it. */
  future(name: string, length: number): TensorProto {
    let index = 0;
    return this.#tensor(name, [length, length], () => {
      const [row, column] = [Math.floor(index / length), index++ % length];
      return column > row ? -1e4 : 0;
    });
  }

  #tensor(name: string, dims: readonly number[], next: () => number): TensorProto {
    const count = dims.reduce((product, each) => product * each, 1);
    return tensor(name, FLOAT, dims, bytesOf(Float32Array.from({ length: count }, next)));
  }
}
