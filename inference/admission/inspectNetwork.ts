import { fromBinary } from '@bufbuild/protobuf';
import {
  ModelProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  type AttributeProto,
  type GraphProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from 'onnx-buf';

import type { TensorDatatype } from '../../domain/models.ts';
import { checkSizes, isOnnxDomain, isVetted } from './vettedOperators.ts';
import { QUANTISES_DYNAMICALLY } from '../models/dynamicQuantisation.ts';
import { refused, shown } from './refused.ts';

/** What a network may be. Each limit is far above what the cars' computers serve well. */
export const NETWORK_LIMITS = {
  fileBytes: 1024 * 1024 * 1024,
  irVersion: { min: 3n, max: 12n },
  opset: { min: 7n, max: 23n },
  weightBytes: 8 * 1024 * 1024 * 1024,
  dimension: 1_000_000_000n,
  nesting: 8,
  nodes: 100_000,
  /** Of all loops that stand in each other, multiplied. */
  loopTrips: 100_000,
} as const;

export interface NetworkTensor {
  readonly name: string;
  readonly datatype: TensorDatatype | undefined;
  /** -1: any length. Undefined: not even the rank is stated. */
  readonly shape: readonly number[] | undefined;
}

export interface InspectedNetwork {
  readonly inputs: readonly NetworkTensor[];
  readonly outputs: readonly NetworkTensor[];
  readonly opset: number;
  readonly nodes: number;
  readonly weightBytes: number;
  /** Whether activations are quantised at run time over the whole batch, so that rows depend on their neighbours. */
  readonly quantisesDynamically: boolean;
}

/** Sizes of the files that lie beside the network and are part of the model, by name. */
export type FilesBeside = Readonly<Record<string, number>>;

/**
 * Reads an .onnx file without running any of it and refuses what an untrusted network must not hold: data outside the
 * model's files, operators that were not vetted, loops without a bound, and sizes beyond NETWORK_LIMITS; in nested
 * graphs and functions too.
 * @throws NightshiftError `model_refused`
 */
export function inspectNetwork(bytes: Uint8Array, beside: FilesBeside = {}): InspectedNetwork {
  if (bytes.length > NETWORK_LIMITS.fileBytes) throw refused(`it has more than ${NETWORK_LIMITS.fileBytes} bytes`);
  let model;
  try {
    model = fromBinary(ModelProtoSchema, bytes);
  } catch {
    throw refused('it is not an ONNX file');
  }
  const { graph } = model;
  if (!graph || graph.node.length === 0) throw refused('it has no graph');
  const { irVersion, opset } = NETWORK_LIMITS;
  if (model.irVersion < irVersion.min || model.irVersion > irVersion.max) {
    throw refused(
      `its IR version is ${model.irVersion}; from ${irVersion.min} to ${irVersion.max} are taken: ` +
        'export it again, or set model.ir_version and save it',
    );
  }
  let version = 0n;
  for (const { domain, version: imported } of model.opsetImport) if (isOnnxDomain(domain)) version = imported;
  if (version < opset.min || version > opset.max) {
    throw refused(
      `its opset is ${version}; from ${opset.min} to ${opset.max} are taken: convert it with onnx.version_converter`,
    );
  }
  if (model.trainingInfo.length > 0) throw refused('it holds training steps');
  const sums: Sums = { nodes: 0, weightBytes: 0, quantisesDynamically: false, beside };
  const inside = { depth: 1, trips: 1, constants: new Map<string, bigint>() };
  for (const { domain, node } of model.functions) {
    if (!isOnnxDomain(domain)) throw refused(`it has a function of the domain "${shown(domain)}": inline it`);
    checkNodes(node, inside, sums);
  }
  checkGraph(graph, { ...inside, depth: 0 }, sums);
  const weights = new Set(graph.initializer.map(({ name }) => name));
  return {
    // Old exporters list weights among the inputs.
    inputs: graph.input.filter(({ name }) => !weights.has(name)).map(tensorOf),
    outputs: graph.output.map(tensorOf),
    opset: Number(version),
    nodes: sums.nodes,
    weightBytes: sums.weightBytes,
    quantisesDynamically: sums.quantisesDynamically,
  };
}

interface Sums {
  nodes: number;
  weightBytes: number;
  quantisesDynamically: boolean;
  readonly beside: FilesBeside;
}

/** Where in nested graphs a node stands. */
interface Place {
  readonly depth: number;
  /** How often the loops around it run it. */
  readonly trips: number;
  /** Whole numbers that are known without running anything, by name. */
  readonly constants: ReadonlyMap<string, bigint>;
}

function checkGraph(graph: GraphProto, place: Place, sums: Sums): void {
  if (place.depth > NETWORK_LIMITS.nesting) throw refused(`it nests graphs deeper than ${NETWORK_LIMITS.nesting}`);
  for (const weight of graph.initializer) checkTensor(weight, sums);
  for (const { values, indices } of graph.sparseInitializer) {
    for (const part of [values, indices]) if (part) checkTensor(part, sums);
  }
  const constants = new Map(place.constants);
  // An input may be given another value than the initializer of its name.
  const given = new Set(graph.input.map(({ name }) => name));
  for (const weight of graph.initializer) {
    const number = wholeNumber(weight);
    if (number !== undefined && !given.has(weight.name)) constants.set(weight.name, number);
    else constants.delete(weight.name);
  }
  for (const name of given) constants.delete(name);
  checkNodes(graph.node, { ...place, constants }, sums);
}

function checkNodes(nodes: readonly NodeProto[], place: Place, sums: Sums): void {
  sums.nodes += nodes.length;
  if (sums.nodes > NETWORK_LIMITS.nodes) throw refused(`it has more than ${NETWORK_LIMITS.nodes} nodes`);
  const constants = new Map(place.constants);
  for (const node of nodes) {
    const { domain, opType, attribute, output } = node;
    if (!isOnnxDomain(domain) && !isVetted(domain, opType)) {
      throw refused(
        `it uses the operator "${shown(opType)}" of "${shown(domain)}", which was not vetted: ` +
          'export it with standard ONNX operators',
      );
    }
    checkSizes(node);
    if (QUANTISES_DYNAMICALLY.has(opType)) sums.quantisesDynamically = true;
    const known = opType === 'Constant' ? constantOf(node) : undefined;
    for (const name of output) {
      if (known === undefined) constants.delete(name);
      else constants.set(name, known);
    }
    const inner = { depth: place.depth, trips: place.trips * tripsOf(node, constants), constants };
    if (inner.trips > NETWORK_LIMITS.loopTrips) {
      throw refused(`its loops run more than ${NETWORK_LIMITS.loopTrips} times`);
    }
    for (const each of attribute) checkAttribute(each, inner, sums);
  }
}

/** @returns how often the node runs the graph in it. @throws NightshiftError when nobody can tell */
function tripsOf({ opType, input }: NodeProto, constants: ReadonlyMap<string, bigint>): number {
  if (opType === 'Scan') throw refused('it uses Scan, whose trips nobody can bound: unroll it');
  if (opType !== 'Loop') return 1;
  const bound = constants.get(input[0] ?? '');
  if (bound === undefined) throw refused('it uses Loop, whose trips nobody can bound: make its trip count a constant');
  return Math.max(1, Number(bound));
}

function constantOf({ attribute }: NodeProto): bigint | undefined {
  const [value] = attribute;
  if (value?.name === 'value_int') return value.i;
  return value?.name === 'value' && value.t ? wholeNumber(value.t) : undefined;
}

/** Of a tensor that holds one INT64. */
function wholeNumber({ dataType, dims, rawData, int64Data, externalData }: TensorProto): bigint | undefined {
  if (DATATYPES_BY_NUMBER[dataType] !== 'INT64' || dims.some((length) => length !== 1n) || dims.length > 1)
    return undefined;
  if (externalData.length > 0) return undefined;
  if (rawData.length === 8) return new DataView(rawData.buffer, rawData.byteOffset, 8).getBigInt64(0, true);
  return rawData.length === 0 ? int64Data[0] : undefined;
}

function checkAttribute(
  { t, tensors, sparseTensor, sparseTensors, g, graphs }: AttributeProto,
  place: Place,
  sums: Sums,
): void {
  for (const held of [t, ...tensors]) if (held) checkTensor(held, sums, {});
  for (const sparse of [sparseTensor, ...sparseTensors]) {
    for (const part of [sparse?.values, sparse?.indices]) if (part) checkTensor(part, sums, {});
  }
  for (const held of [g, ...graphs]) if (held) checkGraph(held, { ...place, depth: place.depth + 1 }, sums);
}

function checkTensor(tensor: TensorProto, sums: Sums, beside: FilesBeside = sums.beside): void {
  const isElsewhere = tensor.dataLocation === TensorProto_DataLocation.EXTERNAL || tensor.externalData.length > 0;
  if (isElsewhere) checkExternalData(tensor, beside);
  let elements = 1n;
  for (const length of tensor.dims) {
    if (length < 0n || length > NETWORK_LIMITS.dimension) throw refused(`a weight has a dimension of ${length}`);
    elements *= length;
    if (elements > BigInt(NETWORK_LIMITS.weightBytes)) throw refused('a weight declares more elements than are taken');
  }
  // What is declared counts as well as what is there: the runtime makes room for it.
  sums.weightBytes += Math.max(tensor.rawData.length, Number(elements));
  if (sums.weightBytes > NETWORK_LIMITS.weightBytes) {
    throw refused(`its weights have more than ${NETWORK_LIMITS.weightBytes} bytes`);
  }
}

/** The weights must lie within a file of the model, beside the network. */
function checkExternalData({ name, externalData }: TensorProto, beside: FilesBeside): void {
  const named = new Map(externalData.map(({ key, value }) => [key, value]));
  const location = (named.get('location') ?? '').replace(/^\.\//, '');
  const size = Object.hasOwn(beside, location) ? beside[location] : undefined;
  if (size === undefined) {
    throw refused(
      `its weight "${shown(name)}" lies in another file, "${shown(location)}", which is none of the model's: ` +
        'add the folder with `model add FOLDER`, or save the weights into one file (onnx.save without external data)',
    );
  }
  const offset = Number(named.get('offset') ?? 0);
  const length = Number(named.get('length') ?? size - offset);
  if (
    !Number.isSafeInteger(offset) ||
    !Number.isSafeInteger(length) ||
    offset < 0 ||
    length < 0 ||
    offset + length > size
  ) {
    throw refused(
      `its weight "${shown(name)}" lies outside "${shown(location)}", which has ${size} bytes: it was cut short`,
    );
  }
}

const DATATYPES_BY_NUMBER: Readonly<Record<number, TensorDatatype | undefined>> = {
  [TensorProto_DataType.BOOL]: 'BOOL',
  [TensorProto_DataType.INT8]: 'INT8',
  [TensorProto_DataType.INT16]: 'INT16',
  [TensorProto_DataType.INT32]: 'INT32',
  [TensorProto_DataType.INT64]: 'INT64',
  [TensorProto_DataType.UINT8]: 'UINT8',
  [TensorProto_DataType.UINT16]: 'UINT16',
  [TensorProto_DataType.UINT32]: 'UINT32',
  [TensorProto_DataType.UINT64]: 'UINT64',
  [TensorProto_DataType.FLOAT16]: 'FP16',
  [TensorProto_DataType.FLOAT]: 'FP32',
  [TensorProto_DataType.DOUBLE]: 'FP64',
  [TensorProto_DataType.STRING]: 'BYTES',
};

function tensorOf({ name, type }: ValueInfoProto): NetworkTensor {
  if (type?.value.case !== 'tensorType') {
    throw refused(`"${shown(name)}" is not a tensor: for scikit-learn, convert with options={"zipmap": False}`);
  }
  const { elemType, shape } = type.value.value;
  const dims = shape?.dim.map(({ value }) => {
    if (value.case !== 'dimValue') return -1;
    // Paddle and others write -1 where the length is open.
    if (value.value === -1n) return -1;
    if (value.value < 0n || value.value > NETWORK_LIMITS.dimension) {
      throw refused(`"${shown(name)}" has a dimension of ${value.value}`);
    }
    return Number(value.value);
  });
  return { name, datatype: DATATYPES_BY_NUMBER[elemType], shape: dims };
}
