import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, StringStringEntryProtoSchema, TensorProto_DataLocation } from 'onnx-buf';

import { bytesOf, node, ONNX_TYPES, onnxFile, tensor, value } from '../../training/onnx/onnxGraph.ts';

const { FLOAT, INT64, INT32 } = ONNX_TYPES;
const WORDS = ['[PAD]', '[CLS]', '[SEP]', '[UNK]', 'car', 'soup', 'night', 'good', 'bad'];

/** WordPiece with [CLS] … [SEP] around a text, as encoders of the BERT kind have it. */
const TOKENIZER = {
  version: '1.0',
  added_tokens: [],
  normalizer: { type: 'Lowercase' },
  pre_tokenizer: { type: 'Whitespace' },
  post_processor: {
    type: 'TemplateProcessing',
    single: [
      { SpecialToken: { id: '[CLS]', type_id: 0 } },
      { Sequence: { id: 'A', type_id: 0 } },
      { SpecialToken: { id: '[SEP]', type_id: 0 } },
    ],
    pair: [
      { SpecialToken: { id: '[CLS]', type_id: 0 } },
      { Sequence: { id: 'A', type_id: 0 } },
      { SpecialToken: { id: '[SEP]', type_id: 0 } },
      { Sequence: { id: 'B', type_id: 1 } },
      { SpecialToken: { id: '[SEP]', type_id: 1 } },
    ],
    special_tokens: {
      '[CLS]': { id: '[CLS]', ids: [1], tokens: ['[CLS]'] },
      '[SEP]': { id: '[SEP]', ids: [2], tokens: ['[SEP]'] },
    },
  },
  decoder: null,
  model: {
    type: 'WordPiece',
    vocab: Object.fromEntries(WORDS.map((word, id) => [word, id])),
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
  },
};

/** Of each word a vector that is 1 at its id: token vectors of 9 dimensions. */
function encoder(type: number): Uint8Array {
  const rows = Float32Array.from({ length: 81 }, (_, at) => Number(at % 10 === 0));
  return onnxFile({
    name: 'encoder',
    opset: 17,
    inputs: ['input_ids', 'attention_mask', 'token_type_ids', 'position_ids'].map((name) =>
      value(name, type, ['batch', 'seq']),
    ),
    outputs: [value('last_hidden_state', FLOAT, ['batch', 'seq', 9])],
    weights: [tensor('table', FLOAT, [9, 9], bytesOf(rows))],
    nodes: [node('Gather', ['table', 'input_ids'], ['last_hidden_state'], { axis: 0 })],
  });
}

/** A score for each of two labels: how often "good" and "bad" come in the mean, 10 times as large. */
function classifier(labels: 1 | 2): Uint8Array {
  const rows = new Float32Array(9 * labels);
  rows[7 * labels] = 10;
  if (labels === 2) rows[8 * labels + 1] = 10;
  return onnxFile({
    name: 'classifier',
    opset: 17,
    inputs: [value('input_ids', INT64, ['batch', 'seq']), value('attention_mask', INT64, ['batch', 'seq'])],
    outputs: [value('logits', FLOAT, ['batch', labels])],
    weights: [
      tensor('table', FLOAT, [9, labels], bytesOf(rows)),
      tensor('words', INT64, [1], bytesOf(BigInt64Array.of(1n))),
    ],
    nodes: [
      node('Gather', ['table', 'input_ids'], ['rows'], { axis: 0 }),
      node('ReduceSum', ['rows', 'words'], ['logits'], { keepdims: 0 }),
    ],
  });
}

/** The network with its weight in a file beside it. */
function withWeightsBeside(network: Uint8Array, location: string): { network: Uint8Array; weights: Uint8Array } {
  const model = fromBinary(ModelProtoSchema, network);
  const [weight] = model.graph?.initializer ?? [];
  if (!weight) throw new Error('no weight');
  const weights = weight.rawData;
  weight.rawData = new Uint8Array();
  weight.dataLocation = TensorProto_DataLocation.EXTERNAL;
  weight.externalData = [
    create(StringStringEntryProtoSchema, { key: 'location', value: location }),
    create(StringStringEntryProtoSchema, { key: 'offset', value: '0' }),
    create(StringStringEntryProtoSchema, { key: 'length', value: String(weights.length) }),
  ];
  return { network: toBinary(ModelProtoSchema, model), weights };
}

export type FolderKind = 'embedding' | 'embedding-int32' | 'embedding-external' | 'classification' | 'rerank';

const config = (architecture: string, more: object = {}): string =>
  JSON.stringify({
    architectures: [architecture],
    model_type: 'bert',
    hidden_size: 9,
    max_position_embeddings: 8,
    ...more,
  });

/** The files of a small model in the layout of Hugging Face. */
export function modelFolder(kind: FolderKind): Record<string, Uint8Array | string> {
  const shared = {
    'tokenizer.json': JSON.stringify(TOKENIZER),
    'tokenizer_config.json': JSON.stringify({ tokenizer_class: 'PreTrainedTokenizerFast', model_max_length: 1e30 }),
  };
  switch (kind) {
    case 'classification':
      return {
        ...shared,
        'config.json': config('BertForSequenceClassification', { id2label: { 0: 'safe', 1: 'harmful' } }),
        'onnx/model.onnx': classifier(2),
      };
    case 'rerank':
      return {
        ...shared,
        'config.json': config('BertForSequenceClassification', { id2label: { 0: 'LABEL_0' } }),
        'onnx/model.onnx': classifier(1),
      };
    case 'embedding':
    case 'embedding-int32':
    case 'embedding-external': {
      const { network, weights } = withWeightsBeside(encoder(INT64), 'model_q8.onnx_data');
      return {
        ...shared,
        'config.json': config('BertModel'),
        '1_Pooling/config.json': JSON.stringify({
          word_embedding_dimension: 9,
          pooling_mode_cls_token: kind !== 'embedding',
          pooling_mode_mean_tokens: kind === 'embedding',
        }),
        'modules.json': JSON.stringify([{ type: 'sentence_transformers.models.Normalize' }]),
        'onnx/model.onnx': encoder(kind === 'embedding-int32' ? INT32 : INT64),
        ...(kind === 'embedding-external' && { 'onnx/model_q8.onnx': network, 'onnx/model_q8.onnx_data': weights }),
      };
    }
    default:
      return kind satisfies never;
  }
}

export async function writeFolder(folder: string, files: Readonly<Record<string, Uint8Array | string>>): Promise<void> {
  for (const [path, body] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), body);
  }
}
