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

import { NightshiftError } from '../../domain/errors.ts';
import type { TensorDatatype } from '../../domain/models.ts';

/** What a network may be. Each limit is far above what the cars' computers serve well. */
export const NETWORK_LIMITS = {
  fileBytes: 512 * 1024 * 1024,
  irVersion: { min: 3n, max: 12n },
  opset: { min: 7n, max: 23n },
  weightBytes: 1024 * 1024 * 1024,
  dimension: 1_000_000_000n,
  nesting: 8,
  nodes: 100_000,
} as const;

const DOMAINS: ReadonlySet<string> = new Set(['', 'ai.onnx']);
/** A trip count can make a few bytes run for ever. */
const DENIED_OPS: ReadonlySet<string> = new Set(['Loop', 'Scan']);

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
}

/**
 * Reads an .onnx file without running any of it and refuses what an untrusted network must not hold: data elsewhere,
 * foreign operators, loops, and sizes beyond NETWORK_LIMITS; in nested graphs and functions too.
 * @throws NightshiftError `model_refused`
 */
export function inspectNetwork(bytes: Uint8Array): InspectedNetwork {
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
    throw refused(`its IR version is ${model.irVersion}; from ${irVersion.min} to ${irVersion.max} are taken`);
  }
  let version = 0n;
  for (const imported of model.opsetImport) {
    if (!DOMAINS.has(imported.domain)) throw refused(`it imports the operators of "${shown(imported.domain)}"`);
    version = imported.version > version ? imported.version : version;
  }
  if (version < opset.min || version > opset.max) {
    throw refused(`its opset is ${version}; from ${opset.min} to ${opset.max} are taken`);
  }
  if (model.trainingInfo.length > 0) throw refused('it holds training steps');
  const sums: Sums = { nodes: 0, weightBytes: 0 };
  for (const { domain, node, opsetImport } of model.functions) {
    if (!DOMAINS.has(domain)) throw refused(`it has a function of the domain "${shown(domain)}"`);
    if (opsetImport.some((imported) => !DOMAINS.has(imported.domain)))
      throw refused('a function imports foreign operators');
    checkNodes(node, 1, sums);
  }
  checkGraph(graph, 0, sums);
  const weights = new Set(graph.initializer.map(({ name }) => name));
  return {
    // Old exporters list weights among the inputs.
    inputs: graph.input.filter(({ name }) => !weights.has(name)).map(tensorOf),
    outputs: graph.output.map(tensorOf),
    opset: Number(version),
    ...sums,
  };
}

interface Sums {
  nodes: number;
  weightBytes: number;
}

function checkGraph(graph: GraphProto, depth: number, sums: Sums): void {
  if (depth > NETWORK_LIMITS.nesting) throw refused(`it nests graphs deeper than ${NETWORK_LIMITS.nesting}`);
  for (const weight of graph.initializer) checkTensor(weight, sums);
  for (const { values, indices } of graph.sparseInitializer) {
    for (const part of [values, indices]) if (part) checkTensor(part, sums);
  }
  checkNodes(graph.node, depth, sums);
}

function checkNodes(nodes: readonly NodeProto[], depth: number, sums: Sums): void {
  sums.nodes += nodes.length;
  if (sums.nodes > NETWORK_LIMITS.nodes) throw refused(`it has more than ${NETWORK_LIMITS.nodes} nodes`);
  for (const { domain, opType, attribute } of nodes) {
    if (!DOMAINS.has(domain)) throw refused(`it uses the operator "${shown(opType)}" of "${shown(domain)}"`);
    if (DENIED_OPS.has(opType)) throw refused(`it uses ${opType}, whose trips nobody can bound`);
    for (const each of attribute) checkAttribute(each, depth, sums);
  }
}

function checkAttribute(
  { t, tensors, sparseTensor, sparseTensors, g, graphs }: AttributeProto,
  depth: number,
  sums: Sums,
): void {
  for (const held of [t, ...tensors]) if (held) checkTensor(held, sums);
  for (const sparse of [sparseTensor, ...sparseTensors]) {
    for (const part of [sparse?.values, sparse?.indices]) if (part) checkTensor(part, sums);
  }
  for (const held of [g, ...graphs]) if (held) checkGraph(held, depth + 1, sums);
}

function checkTensor(tensor: TensorProto, sums: Sums): void {
  if (tensor.dataLocation === TensorProto_DataLocation.EXTERNAL || tensor.externalData.length > 0) {
    throw refused(`its weight "${shown(tensor.name)}" lies in another file`);
  }
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

const DATATYPES: Readonly<Partial<Record<TensorProto_DataType, TensorDatatype>>> = {
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
  if (type?.value.case !== 'tensorType') throw refused(`"${shown(name)}" is not a tensor`);
  const { elemType, shape } = type.value.value;
  const dims = shape?.dim.map(({ value }) => {
    if (value.case !== 'dimValue') return -1;
    if (value.value < 0n || value.value > NETWORK_LIMITS.dimension) {
      throw refused(`"${shown(name)}" has a dimension of ${value.value}`);
    }
    return Number(value.value);
  });
  const datatype: Readonly<Record<number, TensorDatatype | undefined>> = DATATYPES;
  return { name, datatype: datatype[elemType], shape: dims };
}

/** Names come from the file: cut, so that a message stays a message. */
function shown(text: string): string {
  return text.slice(0, 60);
}

export function refused(why: string): NightshiftError {
  return new NightshiftError('model_refused', `The model is refused: ${why.replace(/\.$/, '')}.`, { field: 'file' });
}
