import {
  dimsOf,
  fromFront,
  gradientOf,
  inputOf,
  intAttribute,
  intsOf,
  refusedForm,
  type GradientRule,
  type Step,
} from './rule.ts';

const softmax: GradientRule = (step) => {
  const { tape, node } = step;
  const y = node.output[0] ?? '';
  const axis = fromFront(intAttribute(step, 'axis', -1), dimsOf(step, 0).length);
  const weighed = tape.op('Mul', [gradientOf(step), y]);
  return [tape.op('Sub', [weighed, tape.op('Mul', [y, tape.sum(weighed, [axis])])])];
};

const logSoftmax: GradientRule = (step) => {
  const { tape, node } = step;
  const gradient = gradientOf(step);
  const axis = fromFront(intAttribute(step, 'axis', -1), dimsOf(step, 0).length);
  const shares = tape.op('Exp', [node.output[0] ?? '']);
  return [tape.op('Sub', [gradient, tape.op('Mul', [shares, tape.sum(gradient, [axis])])])];
};

/** From the means and deviations that the operator gives beside its output. */
const layerNormalization: GradientRule = (step) => {
  const { tape, node } = step;
  const gradient = gradientOf(step);
  const [x, scale] = [inputOf(step, 0), inputOf(step, 1)];
  const dims = dimsOf(step, 0);
  const first = fromFront(intAttribute(step, 'axis', -1), dims.length);
  const within = Array.from({ length: dims.length - first }, (_, index) => first + index);
  const count = dims.slice(first).reduce((product, length) => product * length, 1);
  const mean = (name: string): string => tape.op('Mul', [tape.sum(name, within), tape.scalar(1 / count)]);
  const [, means = '', deviations = ''] = node.output;
  const normal = tape.op('Mul', [tape.op('Sub', [x, means]), deviations]);
  const byNormal = tape.op('Mul', [gradient, scale]);
  const centred = (): string => {
    const along = tape.op('Mul', [normal, mean(tape.op('Mul', [byNormal, normal]))]);
    return tape.op('Sub', [tape.op('Sub', [byNormal, mean(byNormal)]), along]);
  };
  return [
    step.wants(0) ? tape.op('Mul', [centred(), deviations]) : undefined,
    step.wants(1) ? tape.unbroadcast(tape.op('Mul', [gradient, normal]), dims, dimsOf(step, 1)) : undefined,
    node.input.length > 2 && step.wants(2) ? tape.unbroadcast(gradient, dims, dimsOf(step, 2)) : undefined,
  ];
};

function reduction(scaleOf: (count: number) => number): GradientRule {
  return (step) => {
    const { tape } = step;
    const dims = dimsOf(step, 0);
    const axes = reducedAxes(step, dims.length);
    const kept = dims.map((length, axis) => (axes.includes(axis) ? 1 : length));
    const count = axes.reduce((product, axis) => product * (dims[axis] ?? 1), 1);
    const spread = tape.op('Expand', [tape.reshape(gradientOf(step), kept), tape.ints(dims)]);
    const scale = scaleOf(count);
    return [scale === 1 ? spread : tape.op('Mul', [spread, tape.scalar(scale)])];
  };
}

function reducedAxes(step: Step, rank: number): number[] {
  const axes = intsOf(step, 'axes', 1) ?? [];
  if (axes.length > 0) return axes.map((axis) => fromFront(axis, rank));
  if (intAttribute(step, 'noop_with_empty_axes', 0) === 1) throw refusedForm(step, 'it reduces nothing');
  return Array.from({ length: rank }, (_, axis) => axis);
}

export const NORMALISING: Readonly<Record<string, GradientRule>> = {
  Softmax: softmax,
  LogSoftmax: logSoftmax,
  LayerNormalization: layerNormalization,
  ReduceMean: reduction((count) => 1 / count),
  ReduceSum: reduction(() => 1),
};
