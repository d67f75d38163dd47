/** Scales are taken over the whole batch, so that a row's numbers depend on its neighbours. */
export const QUANTISES_DYNAMICALLY: ReadonlySet<string> = new Set([
  'DynamicQuantizeLinear',
  'DynamicQuantizeLSTM',
  'DynamicQuantizeMatMul',
]);
