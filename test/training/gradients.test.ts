import fc from 'fast-check';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';

import { compileTraining } from '../../inference/training/compileTraining.ts';
import { gradientName, rowsName } from '../../training/compile.ts';
import { TRAINABLE_OPERATORS } from '../../training/gradients/differentiate.ts';
import { bytesOf, node, ONNX_TYPES, onnxFile, tensor, value, type Attributes } from '../../training/onnx/onnxGraph.ts';

const { FLOAT, DOUBLE, INT64 } = ONNX_TYPES;
const RUNS = 6;
const OPSET = 18;
const STEP = 1e-5;

/** Weights and constants of a graph, whose every output is made one number by random factors. */
interface Case {
  readonly weights: Readonly<Record<string, readonly number[]>>;
  /** Of whole numbers: shapes, axes, indices. */
  readonly integers?: Readonly<Record<string, readonly number[]>>;
  readonly nodes: readonly [op: string, inputs: readonly string[], outputs: readonly string[], Attributes?][];
  /** Numbers between these, so that no point without a derivative is near. */
  readonly range?: readonly [number, number];
  /** Of operators that the runtime has in 32 bits alone: what they come to in 64 bits. */
  readonly reference?: (weights: Readonly<Record<string, readonly number[]>>) => readonly number[];
  readonly opset?: number;
  readonly domain?: string;
}

const length = fc.integer({ min: 1, max: 4 });
const shape = (min: number, max: number): fc.Arbitrary<number[]> =>
  fc.array(length, { minLength: min, maxLength: max });

function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const product = (dims: readonly number[]): number => dims.reduce((all, each) => all * each, 1);

const numbers = (each: Tensor | undefined): number[] => Array.from(each?.data as Float64Array);

/** Of a table of which a step takes few rows, the graph gives the gradients of those rows alone; one taken twice adds up. */
function whole(gradient: number[], rows: Tensor | undefined, length: number, tableRows: number): number[] {
  if (!rows) return gradient;
  const width = length / tableRows;
  const table = Array.from({ length }, () => 0);
  for (const [at, row] of numbers(rows).entries()) {
    // As ONNX counts: below 0 from the end.
    const place = row < 0 ? row + tableRows : row;
    for (let column = 0; column < width; column++) {
      const index = place * width + column;
      table[index] = (table[index] ?? 0) + (gradient[at * width + column] ?? Number.NaN);
    }
  }
  return table;
}

/** The gradients of a graph against central differences of the same graph, in 64-bit floats where the runtime has them. */
async function expectGradients(given: Case, seed: number): Promise<void> {
  const random = seeded(seed);
  const [low, high] = given.range ?? [-1.5, 1.5];
  const type = given.reference ? FLOAT : DOUBLE;
  const Floats = type === DOUBLE ? Float64Array : Float32Array;
  const draw = (count: number): number[] => Array.from({ length: count }, () => low + (high - low) * random());
  const weights = Object.entries(given.weights).map(([name, dims]) => ({ name, dims, values: draw(product(dims)) }));
  const [, , [output = '']] = given.nodes.at(-1) ?? ['', [], ['']];
  const network = onnxFile({
    name: 'case',
    opset: given.opset ?? OPSET,
    domains: { 'com.microsoft': 1 },
    inputs: [value('factor', type, [1])],
    outputs: [value('total', type, [])],
    weights: [
      ...weights.map(({ name, dims, values }) => tensor(name, type, dims, bytesOf(Floats.from(values)))),
      ...Object.entries(given.integers ?? {}).map(([name, values]) =>
        tensor(
          name,
          INT64,
          name.startsWith('scalar') ? [] : [values.length],
          bytesOf(BigInt64Array.from(values, BigInt)),
        ),
      ),
    ],
    nodes: [
      ...given.nodes.map(([op, inputs, outputs, attributes]) => node(op, inputs, outputs, attributes, given.domain)),
      // A bend, so that each element counts in another way.
      node('Mul', [output, output], ['square']),
      node('Mul', ['square', output], ['cube']),
      node('Add', ['cube', output], ['bent']),
      node('ReduceSum', ['bent'], ['sum'], { keepdims: 0 }),
      node('Mul', ['sum', 'factor'], ['scaled']),
      node('ReduceSum', ['scaled'], ['total'], { keepdims: 0 }),
    ],
  });
  const { file } = await compileTraining(network, { loss: 'output', lengths: {} });
  const session = await InferenceSession.create(file, { logSeverityLevel: 3 });
  const run = async (changed?: { readonly name: string; readonly at: number; readonly by: number }) => {
    const feeds = Object.fromEntries(
      weights.map(({ name, dims, values }) => {
        const data = Floats.from(values);
        if (changed?.name === name) data[changed.at] = (values[changed.at] ?? 0) + changed.by;
        return [name, floatTensor(data, dims)];
      }),
    );
    return session.run({ ...feeds, factor: floatTensor(Floats.of(1), [1]) });
  };
  const at = await run();
  const loss = async (name: string, index: number, by: number): Promise<number> => {
    if (!given.reference) return numbers((await run({ name, at: index, by }))['loss'])[0] ?? Number.NaN;
    const moved = weights.map((each) => {
      const exact = Array.from(Float32Array.from(each.values));
      return [each.name, each.name === name ? exact.with(index, (exact[index] ?? 0) + by) : exact] as const;
    });
    return given.reference(Object.fromEntries(moved)).reduce((sum, y) => sum + y ** 3 + y, 0);
  };
  for (const { name, dims, values } of weights) {
    const gradient = whole(numbers(at[gradientName(name)]), at[rowsName(name)], values.length, dims[0] ?? 1);
    expect(gradient).toHaveLength(values.length);
    for (const index of values.keys()) {
      const expected = ((await loss(name, index, STEP)) - (await loss(name, index, -STEP))) / (2 * STEP);
      const off = Math.abs((gradient[index] ?? Number.NaN) - expected);
      expect(off, `${name}[${index}]: ${gradient[index]} is not ${expected}`).toBeLessThan(
        1e-4 * Math.max(1, Math.abs(expected)),
      );
    }
  }
  await session.release();
}

function floatTensor(data: Float32Array | Float64Array, dims: readonly number[]): Tensor {
  return data instanceof Float64Array ? new Tensor('float64', data, dims) : new Tensor('float32', data, dims);
}

/** By its series, which is exact to the last digits for numbers as small as these. */
function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 60; n++) {
    term *= -(x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

function geluInner(x: number, approximate: string): number {
  return approximate === 'tanh' ? Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)) : erf(x * Math.SQRT1_2);
}

function normalised(x: readonly number[], scale: readonly number[], bias: readonly number[]): number[] {
  const width = scale.length;
  return x.map((each, index) => {
    const row = x.slice(index - (index % width), index - (index % width) + width);
    const mean = row.reduce((sum, other) => sum + other, 0) / width;
    const variance = row.reduce((sum, other) => sum + (other - mean) ** 2, 0) / width;
    return ((each - mean) / Math.sqrt(variance + 1e-5)) * (scale[index % width] ?? 0) + (bias[index % width] ?? 0);
  });
}

const unary = (op: string, rest: Partial<Case> & { readonly attributes?: Attributes } = {}): fc.Arbitrary<Case> =>
  shape(1, 3).map((dims) => ({
    weights: { x: [2, ...dims] },
    nodes: [[op, ['x'], ['y'], rest.attributes ?? {}]],
    ...rest,
  }));

/** Two shapes that are broadcast: any lengths of either may be 1, and leading ones may be missing. */
const broadcastable = fc
  .tuple(shape(1, 3), fc.array(fc.constantFrom('both', 'a', 'b'), { minLength: 3, maxLength: 3 }), fc.nat(2))
  .map(([dims, ones, drop]) => {
    const a = [2, ...dims.map((each, axis) => (ones[axis] === 'a' ? 1 : each))];
    const b = [2, ...dims.map((each, axis) => (ones[axis] === 'b' ? 1 : each))];
    return { a, b: b.slice(Math.min(drop, b.length - 1)) };
  })
  .filter(({ b }) => product(b) > 1);
const binary = (op: string, rest: Partial<Case> = {}): fc.Arbitrary<Case> =>
  broadcastable.map(({ a, b }) => ({ weights: { a, b }, nodes: [[op, ['a', 'b'], ['y']]], ...rest }));
const flag = fc.constantFrom(0, 1);

const CASES: Readonly<Record<string, fc.Arbitrary<Case>>> = {
  Add: binary('Add'),
  Sub: binary('Sub'),
  Mul: binary('Mul'),
  Div: binary('Div', { range: [0.5, 2] }),
  Identity: unary('Identity'),
  Dropout: unary('Dropout'),
  Cast: unary('Cast', { attributes: { to: DOUBLE } }),
  Neg: unary('Neg'),
  Relu: unary('Relu', { range: [0.1, 1] }),
  Tanh: unary('Tanh'),
  Sigmoid: unary('Sigmoid'),
  Exp: unary('Exp'),
  Log: unary('Log', { range: [0.5, 2] }),
  Sqrt: unary('Sqrt', { range: [0.5, 2] }),
  Reciprocal: unary('Reciprocal', { range: [0.5, 2] }),
  Erf: unary('Erf', { reference: ({ x = [] }) => x.map(erf) }),
  Gelu: fc.constantFrom('none', 'tanh').chain((approximate) =>
    unary('Gelu', {
      attributes: { approximate },
      opset: 20,
      reference: ({ x = [] }) => x.map((each) => 0.5 * each * (1 + geluInner(each, approximate))),
    }),
  ),
  Pow: shape(1, 3).map((dims) => ({
    weights: { x: [2, ...dims] },
    range: [0.5, 1.5],
    nodes: [
      ['Constant', [], ['three'], { value_int: 3 }],
      ['Cast', ['three'], ['p'], { to: DOUBLE }],
      ['Pow', ['x', 'p'], ['y']],
    ],
  })),
  Where: broadcastable.map(({ a, b }) => ({
    weights: { a, b },
    nodes: [
      ['Greater', ['a', 'b'], ['isMore']],
      ['Where', ['isMore', 'a', 'b'], ['y']],
    ],
  })),
  MatMul: fc.tuple(shape(0, 2), length, length, length, flag, flag).map(([batch, m, k, n, flat, one]) => ({
    weights: {
      a: [...batch.map((each) => (one ? 1 : each)), m + 1, k + 1],
      b: [...(flat ? [] : batch), k + 1, n + 1],
    },
    nodes: [['MatMul', ['a', 'b'], ['y']]],
  })),
  Gemm: fc.tuple(length, length, length, flag, flag, flag).map(([m, k, n, transA, transB, row]) => ({
    weights: {
      a: transA ? [k + 1, m + 1] : [m + 1, k + 1],
      b: transB ? [n + 1, k + 1] : [k + 1, n + 1],
      c: row ? [n + 1] : [m + 1, n + 1],
    },
    nodes: [['Gemm', ['a', 'b', 'c'], ['y'], { transA, transB, alpha: { float: 0.5 }, beta: { float: 2 } }]],
  })),
  Gather: fc
    .tuple(shape(2, 3), fc.nat(2), fc.array(fc.nat(1), { minLength: 1, maxLength: 5 }))
    .map(([dims, at, indices]): Case => {
      const axis = Math.min(at, dims.length - 1);
      const data = dims.map((each, index) => (index === axis ? each + 1 : each));
      return { weights: { x: data }, integers: { indices }, nodes: [['Gather', ['x', 'indices'], ['y'], { axis }]] };
    }),
  GatherElements: fc.array(fc.nat(2), { minLength: 2, maxLength: 4 }).map((indices) => ({
    weights: { x: [indices.length, 3] },
    integers: { indices, last: [1] },
    nodes: [
      ['Unsqueeze', ['indices', 'last'], ['column']],
      ['GatherElements', ['x', 'column'], ['y'], { axis: 1 }],
    ],
  })),
  Softmax: fc.tuple(shape(1, 3), fc.integer({ min: -1, max: 0 })).map(([dims, axis]) => ({
    weights: { x: [...dims, 3] },
    nodes: [['Softmax', ['x'], ['y'], { axis }]],
  })),
  LogSoftmax: fc.tuple(shape(1, 3), fc.integer({ min: -1, max: 0 })).map(([dims, axis]) => ({
    weights: { x: [...dims, 3] },
    nodes: [['LogSoftmax', ['x'], ['y'], { axis }]],
  })),
  LayerNormalization: fc.tuple(shape(1, 2), flag).map(([dims, wide]) => {
    const axis = wide ? -2 : -1;
    const within = [...dims, 3, 4].slice(axis);
    return {
      weights: { x: [...dims, 3, 4], scale: within, bias: within },
      nodes: [['LayerNormalization', ['x', 'scale', 'bias'], ['y'], { axis }]],
      reference: ({ x = [], scale = [], bias = [] }) => normalised(x, scale, bias),
    };
  }),
  ReduceMean: fc.tuple(shape(2, 3), flag, flag).map(([dims, keepdims, all]) => ({
    weights: { x: [2, ...dims] },
    integers: { axes: [1] },
    nodes: [['ReduceMean', all ? ['x'] : ['x', 'axes'], ['y'], { keepdims }]],
  })),
  ReduceSum: fc.tuple(shape(2, 3), flag).map(([dims, keepdims]) => ({
    weights: { x: [2, ...dims] },
    integers: { axes: [-1, 0] },
    nodes: [['ReduceSum', ['x', 'axes'], ['y'], { keepdims }]],
  })),
  Reshape: shape(2, 3).map((dims) => ({
    weights: { x: [2, ...dims] },
    integers: { to: [-1, 2] },
    nodes: [['Reshape', ['x', 'to'], ['y']]],
  })),
  Flatten: shape(2, 3).map((dims) => ({
    weights: { x: [2, ...dims] },
    nodes: [['Flatten', ['x'], ['y'], { axis: 1 }]],
  })),
  Squeeze: shape(1, 3).map((dims) => ({
    weights: { x: [2, 1, ...dims] },
    integers: { axes: [1] },
    nodes: [['Squeeze', ['x', 'axes'], ['y']]],
  })),
  Unsqueeze: shape(1, 3).map((dims) => ({
    weights: { x: [2, ...dims] },
    integers: { axes: [0] },
    nodes: [['Unsqueeze', ['x', 'axes'], ['y']]],
  })),
  Transpose: fc.shuffledSubarray([0, 1, 2], { minLength: 3 }).map((perm) => ({
    weights: { x: [2, 3, 4] },
    nodes: [['Transpose', ['x'], ['y'], { perm }]],
  })),
  Expand: shape(1, 3).map((dims) => ({
    weights: { x: [2, 1] },
    integers: { to: [...dims, 2, 3] },
    nodes: [['Expand', ['x', 'to'], ['y']]],
  })),
  Concat: fc.tuple(length, length).map(([a, b]) => ({
    weights: { a: [2, a], b: [2, b + 1] },
    nodes: [['Concat', ['a', 'b'], ['y'], { axis: 1 }]],
  })),
  Split: fc.tuple(length, length).map(([a, b]) => ({
    weights: { x: [2, a + b] },
    integers: { sizes: [a, b] },
    nodes: [
      ['Split', ['x', 'sizes'], ['first', 'second'], { axis: 1 }],
      ['Tanh', ['second'], ['y']],
    ],
  })),
  Slice: fc.tuple(fc.integer({ min: -3, max: 2 }), fc.integer({ min: 3, max: 9 })).map(([start, end]) => ({
    weights: { x: [2, 4, 3] },
    integers: { starts: [start], ends: [end], axes: [1] },
    nodes: [['Slice', ['x', 'starts', 'ends', 'axes'], ['y']]],
  })),
};

describe('gradients', () => {
  test('there is a case for each operator that can be trained through', () => {
    expect(Object.keys(CASES).sort()).toEqual(TRAINABLE_OPERATORS);
  });

  test.for(Object.entries(CASES))('of %s are those of finite differences, in any shape', async ([, cases]) => {
    await fc.assert(
      fc.asyncProperty(cases, fc.nat(), (given, seed) => expectGradients(given, seed)),
      { numRuns: RUNS },
    );
  });
});
