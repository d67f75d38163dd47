import { create } from '@bufbuild/protobuf';
import {
  NodeProtoSchema,
  TensorProtoSchema,
  ValueInfoProtoSchema,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from 'onnx-buf';

import { z } from 'zod';

import { differentiate } from './gradients/differentiate.ts';
import { Tape, type FloatType, type MeasuredTensor } from './gradients/tape.ts';
import { CORRECT_OUTPUT, COUNTED_OUTPUT, LABELS, LOSS_OUTPUT, lossGradient, lossNodes, type Loss } from './losses.ts';
import { bytesOf, node, ONNX_TYPES, onnxFile, tensor, value } from './onnx/onnxGraph.ts';
import { floatsOf, lengthsOf, readNetwork, typeOfValue, type Network } from './onnx/readNetwork.ts';
import { TrainingRefusal } from './refusal.ts';

export interface CompileOptions {
  readonly loss: Loss;
  /** Which output the loss is of; the only one unless given. */
  readonly output?: string;
  /** Lengths of the dimensions that the network leaves open, by their names, e.g. batch. A training graph has fixed ones. */
  readonly lengths: Readonly<Record<string, number>>;
  /** Weights that stay as they are: all whose names begin with one of these. */
  readonly frozen?: readonly string[];
}

/** A forward graph with its loss, before its shapes are measured. */
export interface PreparedNetwork {
  readonly network: Network;
  readonly output: string;
  readonly loss: Loss;
  readonly floatType: FloatType;
  /** Data, labels with it, in fixed shapes. */
  readonly inputs: readonly ValueInfoProto[];
  readonly nodes: readonly NodeProto[];
  readonly constants: readonly TensorProto[];
  readonly weights: readonly string[];
}

export interface NamedTensor {
  readonly name: string;
  readonly type: number;
  readonly shape: readonly number[];
}

export interface TrainedWeight {
  readonly name: string;
  readonly shape: readonly number[];
  /** Of a table of which a step takes few rows: how many, of which alone the graph gives gradients. */
  readonly rows?: number | undefined;
}

/** What a training graph takes and gives. Weights are one list of floats, in this order. */
export interface TrainingDescription {
  readonly weights: readonly TrainedWeight[];
  /** Of each: the first length is the number of examples that one step takes. */
  readonly inputs: readonly NamedTensor[];
  readonly loss: Loss;
  /** The output of the forward graph that was trained. */
  readonly output: string;
  /** Whether the graph counts right answers. */
  readonly counts: boolean;
}

export interface CompiledTraining {
  /** The .onnx file: weights and data in; loss and gradients out. It holds what the weights begin with. */
  readonly file: Uint8Array;
  readonly description: TrainingDescription;
}

const MIN_OPSET = 17;
/** Rows of a table that there are for each that a step takes, from which on only those have gradients. */
const SPARSE_BELOW = 2;
const GRADIENT = 'gradient/';
/** Beside the gradients of rows: which rows. */
const ROWS = 'rows/';
/** Weights are inputs of a training graph. What they begin with stands in it under these names, used by no node. */
const INITIAL = 'initial/';
/** Key of the file's metadata: what the forward graph was, so that it can be taken out again. */
const FORWARD = 'nightshift.forward';

export function gradientName(weight: string): string {
  return `${GRADIENT}${weight}`;
}

export function rowsName(weight: string): string {
  return `${ROWS}${weight}`;
}

/**
 * Reads a forward graph and puts its loss behind it.
 * @throws TrainingRefusal
 */
export function prepareTraining(bytes: Uint8Array, options: CompileOptions): PreparedNetwork {
  const network = readNetwork(bytes);
  if (network.opset < MIN_OPSET) {
    throw new TrainingRefusal(`Its opset is ${network.opset}; export it with opset ${MIN_OPSET} or newer.`);
  }
  const names = network.outputs.map(({ name }) => name);
  const output = options.output ?? (names.length === 1 ? names[0] : undefined);
  if (output === undefined || !names.includes(output)) {
    throw new TrainingRefusal(`Say of which output the loss is: it has ${names.join(', ')}.`);
  }
  const inputs = network.inputs.map((each) => fixed(each, options.lengths));
  const { nodes, constants } = lossNodes(options.loss, output);
  const weights = weightsOf(network, options.frozen ?? []);
  return {
    network,
    output,
    loss: options.loss,
    floatType: floatTypeOf(network, weights),
    inputs: options.loss === 'output' ? inputs : [...inputs, labelsOf(network, options, output)],
    nodes: [...network.nodes.map(withStatistics), ...nodes],
    constants,
    weights,
  };
}

/** The prepared graph with each of its tensors as an output: one run of it shows all shapes. */
export function measurableFile({ network, inputs, nodes, constants }: PreparedNetwork): Uint8Array {
  const names = nodes.flatMap(({ output }) => output.filter((name) => name !== ''));
  return onnxFile({
    ...baseOf(network),
    inputs,
    // The runtime finds out their types.
    outputs: names.map((name) => create(ValueInfoProtoSchema, { name })),
    weights: [...network.weights.values(), ...constants],
    nodes,
  });
}

/**
 * The training graph.
 * @param measured by name of each tensor of `measurableFile`
 * @throws TrainingRefusal
 */
export function finishTraining(
  prepared: PreparedNetwork,
  measured: ReadonlyMap<string, MeasuredTensor>,
): CompiledTraining {
  const { network, inputs, nodes, constants, output, loss, weights, floatType } = prepared;
  const known = new Map([...measured, ...measuredWeights(prepared)]);
  for (const info of inputs) known.set(info.name, { dims: lengthsOf(info).map(Number) });
  const tape = new Tape(known, floatType);
  const gradients = differentiate(
    { nodes, tape },
    { name: output, gradient: lossGradient(loss, output, tape) },
    weights,
  );
  const trained = weights.flatMap((name, index) => {
    const gradient = gradients[index];
    if (gradient === undefined) return [];
    const shape = known.get(name)?.dims ?? [];
    const taken = tape.tables.get(gradient);
    // The whole table is as long whatever a step has read of it: to write, add up and step through it costs more than all else.
    const isSparse = taken !== undefined && taken.count * SPARSE_BELOW < (shape[0] ?? 0);
    return [isSparse ? { name, gradient: taken.gradients, shape, taken } : { name, gradient, shape }];
  });
  if (trained.length === 0) throw new TrainingRefusal(`The loss of "${output}" depends on no weight that is trained.`);
  for (const { name, gradient, taken } of trained) {
    tape.nodes.push(node('Identity', [gradient], [gradientName(name)]));
    if (taken) tape.nodes.push(node('Cast', [taken.rows], [rowsName(name)], { to: ONNX_TYPES.INT32 }));
  }
  const isTrained = new Set(trained.map(({ name }) => name));
  const counts = loss === 'softmax-cross-entropy';
  const file = onnxFile({
    ...baseOf(network),
    inputs: [...inputs, ...trained.map(({ name, shape }) => value(name, floatType, shape))],
    outputs: [
      value(LOSS_OUTPUT, floatType, []),
      ...(counts ? [value(CORRECT_OUTPUT, floatType, []), value(COUNTED_OUTPUT, floatType, [])] : []),
      ...trained.map(({ name, shape, taken }) =>
        value(gradientName(name), floatType, taken ? [taken.count, ...shape.slice(1)] : shape),
      ),
      ...trained.flatMap(({ name, taken }) =>
        taken ? [value(rowsName(name), ONNX_TYPES.INT32, [taken.count, 1])] : [],
      ),
    ],
    weights: [...network.weights.values()]
      .map((each) => (isTrained.has(each.name) ? initial(each) : each))
      .concat(constants, tape.constants),
    nodes: [
      ...nodes,
      ...needed(
        tape.nodes,
        trained.map(({ name }) => name),
      ),
    ],
    metadata: { ...network.metadata, [FORWARD]: JSON.stringify(forwardOf(network)) },
  });
  const description = {
    weights: trained.map(({ name, shape, taken }) => ({ name, shape, ...(taken && { rows: taken.count }) })),
    inputs: inputs.map((info) => ({ name: info.name, type: typeOfValue(info), shape: lengthsOf(info).map(Number) })),
    loss,
    output,
    counts,
  };
  return { file, description };
}

/** Those of the derivative whose results lead to an output: the runtime would compute the others too. */
function needed(nodes: readonly NodeProto[], weights: readonly string[]): NodeProto[] {
  const wanted = new Set(weights.flatMap((name) => [gradientName(name), rowsName(name)]));
  return nodes
    .toReversed()
    .filter(({ input, output }) => {
      if (!output.some((name) => wanted.has(name))) return false;
      for (const name of input) wanted.add(name);
      return true;
    })
    .toReversed();
}

/** The weights that a training graph starts from, as one list. */
export function initialWeights(file: Uint8Array, { weights }: Pick<TrainingDescription, 'weights'>): Float32Array {
  const network = readNetwork(file);
  const lists = weights.map(({ name }) => {
    const found = network.weights.get(`${INITIAL}${name}`);
    if (!found) throw new TrainingRefusal(`The training graph does not say what "${name}" begins with.`);
    return floatsOf(found);
  });
  return joined(lists);
}

/** The forward graph of a training graph, with other weights: a model that any runtime serves. */
export function forwardFile(
  file: Uint8Array,
  { weights }: Pick<TrainingDescription, 'weights'>,
  values: Float32Array,
): Uint8Array {
  const network = readNetwork(file);
  const forward = parsedForward(network.metadata[FORWARD]);
  const wanted = new Set(forward.outputs.map(({ name }) => name));
  const nodes: NodeProto[] = [];
  for (const each of network.nodes.toReversed()) {
    if (!each.output.some((name) => wanted.has(name))) continue;
    nodes.unshift(each);
    for (const name of each.input) wanted.add(name);
  }
  const { [FORWARD]: _, ...metadata } = network.metadata;
  return onnxFile({
    ...baseOf(network),
    inputs: forward.inputs.map(({ name, type, lengths }) => value(name, type, lengths)),
    outputs: forward.outputs.map(({ name, type, lengths }) => value(name, type, lengths)),
    weights: [
      ...[...network.weights.values()].filter(({ name }) => wanted.has(name)),
      ...weights.map(({ name, shape }, index) =>
        tensor(name, ONNX_TYPES.FLOAT, shape, bytesOf(sliceOf(weights, values, index))),
      ),
    ],
    nodes,
    metadata,
  });
}

/** The part of a list of all weights that is the weight with this index. */
export function sliceOf(
  weights: readonly { readonly shape: readonly number[] }[],
  values: Float32Array,
  index: number,
): Float32Array {
  const start = weights.slice(0, index).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return values.subarray(start, start + sizeOf(weights[index]?.shape ?? []));
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

function joined(lists: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(lists.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const list of lists) {
    all.set(list, at);
    at += list.length;
  }
  return all;
}

function initial(weight: TensorProto): TensorProto {
  return create(TensorProtoSchema, { ...weight, name: `${INITIAL}${weight.name}` });
}

function baseOf({ name, opset, domains }: Network) {
  return { name, opset, domains };
}

function fixed(info: ValueInfoProto, lengths: Readonly<Record<string, number>>): ValueInfoProto {
  const dims = lengthsOf(info).map((length) => {
    const known = typeof length === 'number' ? length : lengths[length];
    if (known === undefined) {
      throw new TrainingRefusal(`The input "${info.name}" leaves its length "${length}" open: say ${length}=N.`);
    }
    if (!Number.isInteger(known) || known < 1) throw new TrainingRefusal(`The length ${length}=${known} is no length.`);
    return known;
  });
  return value(info.name, typeOfValue(info), dims);
}

function labelsOf(network: Network, { loss, lengths }: CompileOptions, output: string): ValueInfoProto {
  if (network.inputs.some(({ name }) => name === LABELS)) {
    throw new TrainingRefusal(
      `The network has an input "${LABELS}" of its own: rename it, or let its output be the loss.`,
    );
  }
  const info = network.outputs.find(({ name }) => name === output);
  const dims = info ? lengthsOf(fixed(info, lengths)).map(Number) : [];
  const isClass = loss === 'softmax-cross-entropy';
  return value(LABELS, isClass ? ONNX_TYPES.INT64 : ONNX_TYPES.FLOAT, isClass ? dims.slice(0, -1) : dims);
}

/** Float weights of more than one number: scalars are what graphs compute with, not what they have learnt. */
function weightsOf({ weights, nodes }: Network, frozen: readonly string[]): string[] {
  const used = new Set(nodes.flatMap(({ input }) => input));
  return [...weights.values()]
    .filter(({ dataType }) => dataType === ONNX_TYPES.FLOAT || dataType === ONNX_TYPES.DOUBLE)
    .filter(({ dims }) => sizeOf(dims.map(Number)) > 1)
    .map(({ name }) => name)
    .filter((name) => used.has(name) && !frozen.some((prefix) => name.startsWith(prefix)));
}

function floatTypeOf({ weights }: Network, names: readonly string[]): FloatType {
  const types = new Set(names.map((name) => weights.get(name)?.dataType));
  const { FLOAT, DOUBLE } = ONNX_TYPES;
  if (types.size === 0) throw new TrainingRefusal('The network has no weights of 32-bit floats.');
  if (types.size > 1) throw new TrainingRefusal('Its weights are of two types of float.');
  return types.has(DOUBLE) ? DOUBLE : FLOAT;
}

/** LayerNormalization gives its means and deviations only when they are asked for; its derivative needs them. */
function withStatistics(given: NodeProto): NodeProto {
  if (given.opType !== 'LayerNormalization') return given;
  const [y = '', mean = '', deviation = ''] = given.output;
  return create(NodeProtoSchema, { ...given, output: [y, mean || `${y}/mean`, deviation || `${y}/deviation`] });
}

function measuredWeights({ network, constants }: PreparedNetwork): [string, MeasuredTensor][] {
  return [...network.weights.values(), ...constants].map((each) => {
    const dims = each.dims.map(Number);
    if (each.dataType !== ONNX_TYPES.INT64) return [each.name, { dims }];
    const integers = [...new BigInt64Array(new Uint8Array(each.rawData).buffer)].map(Number);
    return [each.name, { dims, integers }];
  });
}

const forwardTensorSchema = z.object({
  name: z.string(),
  type: z.number(),
  lengths: z.array(z.union([z.number(), z.string()])),
});
type ForwardTensor = z.output<typeof forwardTensorSchema>;
const forwardSchema = z.object({ inputs: z.array(forwardTensorSchema), outputs: z.array(forwardTensorSchema) });

function told(info: ValueInfoProto): ForwardTensor {
  return { name: info.name, type: typeOfValue(info), lengths: lengthsOf(info) };
}

function forwardOf({ inputs, outputs }: Network): z.output<typeof forwardSchema> {
  return { inputs: inputs.map(told), outputs: outputs.map(told) };
}

function parsedForward(text: string | undefined): z.output<typeof forwardSchema> {
  if (text === undefined) throw new TrainingRefusal('The file is no training graph of ours.');
  return forwardSchema.parse(JSON.parse(text));
}
