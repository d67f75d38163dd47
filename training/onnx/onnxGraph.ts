import { create, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
  type AttributeProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from 'onnx-buf';

export const ONNX_TYPES: Readonly<Record<keyof typeof TensorProto_DataType, number>> = TensorProto_DataType;

/** A weight or a constant, its bytes little-endian. */
export function tensor(
  name: string,
  dataType: TensorProto_DataType,
  dims: readonly number[],
  bytes: Uint8Array,
): TensorProto {
  const rawData = new Uint8Array(bytes);
  return create(TensorProtoSchema, { name, dataType, dims: dims.map(BigInt), rawData });
}

/** An input or an output; a dimension that is a text may be any length. */
export function value(
  name: string,
  elemType: TensorProto_DataType,
  dims: readonly (number | string)[],
): ValueInfoProto {
  const dim = dims.map((length) =>
    create(TensorShapeProto_DimensionSchema, {
      value:
        typeof length === 'string' ? { case: 'dimParam', value: length } : { case: 'dimValue', value: BigInt(length) },
    }),
  );
  const tensorType = create(TypeProto_TensorSchema, { elemType, shape: create(TensorShapeProtoSchema, { dim }) });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value: tensorType } }),
  });
}

/** Whole numbers, lists of them, texts, and fractions. */
export type Attributes = Readonly<Record<string, number | readonly number[] | string | { readonly float: number }>>;

export function node(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Attributes = {},
  domain = '',
): NodeProto {
  const { INT, INTS, STRING, FLOAT } = AttributeProto_AttributeType;
  const attribute = Object.entries(attributes).map(([name, given]): AttributeProto => {
    if (typeof given === 'number') return create(AttributeProtoSchema, { name, type: INT, i: BigInt(given) });
    if (typeof given === 'string')
      return create(AttributeProtoSchema, { name, type: STRING, s: new TextEncoder().encode(given) });
    if ('float' in given) return create(AttributeProtoSchema, { name, type: FLOAT, f: given.float });
    return create(AttributeProtoSchema, { name, type: INTS, ints: given.map(BigInt) });
  });
  return create(NodeProtoSchema, { opType, input: [...input], output: [...output], attribute, domain });
}

export interface OnnxGraph {
  readonly name: string;
  readonly opset: number;
  readonly inputs: readonly ValueInfoProto[];
  readonly outputs: readonly ValueInfoProto[];
  readonly weights: readonly TensorProto[];
  readonly nodes: readonly NodeProto[];
  /** Domains of operators beside ONNX's own, each with its version. */
  readonly domains?: Readonly<Record<string, number>>;
  /** Texts that the runtime hands on and does not read. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The bytes of an .onnx file. */
export function onnxFile(graph: OnnxGraph): Uint8Array {
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 8n,
      producerName: 'nightshift',
      opsetImport: Object.entries({ '': graph.opset, ...graph.domains }).map(([domain, version]) =>
        create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) }),
      ),
      metadataProps: Object.entries(graph.metadata ?? {}).map(([key, text]) =>
        create(StringStringEntryProtoSchema, { key, value: text }),
      ),
      graph: create(GraphProtoSchema, {
        name: graph.name,
        input: [...graph.inputs],
        output: [...graph.outputs],
        initializer: [...graph.weights],
        node: [...graph.nodes],
      }),
    }),
  );
}

/** Bytes of a typed array, for `tensor`. */
export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
