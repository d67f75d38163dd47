import { fromBinary } from '@bufbuild/protobuf';
import {
  ModelProtoSchema,
  TensorProto_DataLocation,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from 'onnx-buf';

import { TrainingRefusal } from '../refusal.ts';
import { bytesOf, ONNX_TYPES, tensor } from './onnxGraph.ts';

/** A graph as a file holds it, with what the derivative of it needs. */
export interface Network {
  readonly name: string;
  readonly opset: number;
  readonly domains: Readonly<Record<string, number>>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Without the weights that old exporters list among them. */
  readonly inputs: readonly ValueInfoProto[];
  readonly outputs: readonly ValueInfoProto[];
  /** With their bytes as `rawData`. */
  readonly weights: ReadonlyMap<string, TensorProto>;
  /** In an order in which each comes after those whose outputs it takes. */
  readonly nodes: readonly NodeProto[];
}

/** @throws TrainingRefusal for a file that is no network, or keeps weights in other files */
export function readNetwork(bytes: Uint8Array): Network {
  let model;
  try {
    model = fromBinary(ModelProtoSchema, bytes);
  } catch {
    throw new TrainingRefusal('The file is not an ONNX model.');
  }
  const { graph } = model;
  if (!graph) throw new TrainingRefusal('The file holds no graph.');
  const versions = model.opsetImport.map(({ domain, version }) => [
    domain === 'ai.onnx' ? '' : domain,
    Number(version),
  ]);
  const { '': opset = 0, ...domains }: Record<string, number> = Object.fromEntries(versions);
  const weights = new Map(graph.initializer.map((each) => [each.name, withRawData(each)]));
  return {
    name: graph.name,
    opset,
    domains,
    metadata: Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value])),
    inputs: graph.input.filter(({ name }) => !weights.has(name)),
    outputs: graph.output,
    weights,
    nodes: graph.node,
  };
}

/** Exporters write small tensors as lists of numbers. */
function withRawData(given: TensorProto): TensorProto {
  const { name, dataType, dims, rawData, floatData, doubleData, int64Data, int32Data } = given;
  if (given.dataLocation === TensorProto_DataLocation.EXTERNAL) {
    throw new TrainingRefusal(`The weight "${name}" lies in another file: save the model as one file.`);
  }
  if (rawData.byteLength > 0) return given;
  const lengths = dims.map(Number);
  const { FLOAT, DOUBLE, INT64, INT32 } = ONNX_TYPES;
  switch (dataType) {
    case FLOAT:
      return tensor(name, dataType, lengths, bytesOf(Float32Array.from(floatData)));
    case DOUBLE:
      return tensor(name, dataType, lengths, bytesOf(Float64Array.from(doubleData)));
    case INT64:
      return tensor(name, dataType, lengths, bytesOf(BigInt64Array.from(int64Data)));
    case INT32:
      return tensor(name, dataType, lengths, bytesOf(Int32Array.from(int32Data)));
    default:
      return given;
  }
}

/** The numbers of a float32 tensor. */
export function floatsOf({ rawData }: TensorProto): Float32Array {
  // A view of a file need not begin where a float may; `slice` of a Buffer is another view.
  return new Float32Array(new Uint8Array(rawData).buffer);
}

/** The lengths of an input or output, each a number or a name. @throws TrainingRefusal when not even its rank is stated */
export function lengthsOf(info: ValueInfoProto): (number | string)[] {
  const type = info.type?.value;
  if (type?.case !== 'tensorType' || !type.value.shape) {
    throw new TrainingRefusal(`"${info.name}" does not say its shape.`);
  }
  return type.value.shape.dim.map(({ value }, axis) => {
    if (value.case === 'dimValue') return Number(value.value);
    return value.value || `${info.name}.${axis}`;
  });
}

export function typeOfValue(info: ValueInfoProto): number {
  const type = info.type?.value;
  return type?.case === 'tensorType' ? type.value.elemType : ONNX_TYPES.UNDEFINED;
}
