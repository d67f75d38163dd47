import type { NodeProto } from 'onnx-buf';

import { refused, shown } from './refused.ts';

/** What exports of quantised and optimised transformers use beyond the standard, read for what they allocate. */
const MICROSOFT: ReadonlySet<string> = new Set([
  'Attention',
  'BiasGelu',
  'BiasSplitGelu',
  'DequantizeLinear',
  'DynamicQuantizeLSTM',
  'DynamicQuantizeMatMul',
  'EmbedLayerNormalization',
  'FastGelu',
  'FusedConv',
  'FusedGemm',
  'FusedMatMul',
  'GatherBlockQuantized',
  'Gelu',
  'GroupQueryAttention',
  'MatMulIntegerToFloat',
  'MatMulNBits',
  'MultiHeadAttention',
  'NhwcMaxPool',
  'QAttention',
  'QEmbedLayerNormalization',
  'QGemm',
  'QLinearAdd',
  'QLinearAveragePool',
  'QLinearConcat',
  'QLinearConv',
  'QLinearGlobalAveragePool',
  'QLinearLeakyRelu',
  'QLinearMul',
  'QLinearSigmoid',
  'QLinearSoftmax',
  'QuantizeLinear',
  'QuickGelu',
  'RotaryEmbedding',
  'SimplifiedLayerNormalization',
  'SkipLayerNormalization',
  'SkipSimplifiedLayerNormalization',
]);

/** Trees, linear models and their preparation; all that they read stands in their attributes. */
const ML: ReadonlySet<string> = new Set([
  'ArrayFeatureExtractor',
  'Binarizer',
  'CategoryMapper',
  'FeatureVectorizer',
  'Imputer',
  'LabelEncoder',
  'LinearClassifier',
  'LinearRegressor',
  'Normalizer',
  'OneHotEncoder',
  'SVMClassifier',
  'SVMRegressor',
  'Scaler',
  'TreeEnsemble',
  'TreeEnsembleClassifier',
  'TreeEnsembleRegressor',
]);

/** Attributes that say how much an operator makes room for, and how much is taken. */
const SIZE_ATTRIBUTES: Readonly<Record<string, readonly [min: bigint, max: bigint]>> = {
  K: [1n, 1_048_576n],
  N: [1n, 1_048_576n],
  bits: [1n, 8n],
  block_size: [16n, 1_024n],
  num_heads: [0n, 1_024n],
  kv_num_heads: [0n, 1_024n],
  hidden_size: [0n, 65_536n],
  rotary_embedding_dim: [0n, 4_096n],
  local_window_size: [-1n, 10_000_000n],
};

export function isOnnxDomain(domain: string): boolean {
  return domain === '' || domain === 'ai.onnx';
}

export function isVetted(domain: string, opType: string): boolean {
  return (domain === 'com.microsoft' && MICROSOFT.has(opType)) || (domain === 'ai.onnx.ml' && ML.has(opType));
}

/** @throws NightshiftError `model_refused` */
export function checkSizes({ domain, opType, attribute }: NodeProto): void {
  if (domain !== 'com.microsoft') return;
  for (const { name, i } of attribute) {
    const limits = Object.hasOwn(SIZE_ATTRIBUTES, name) ? SIZE_ATTRIBUTES[name] : undefined;
    if (limits && (i < limits[0] || i > limits[1])) {
      throw refused(`${name} of "${shown(opType)}" is ${i}; from ${limits[0]} to ${limits[1]} are taken`);
    }
  }
}
