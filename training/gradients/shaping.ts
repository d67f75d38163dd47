import {
  dimsOf,
  fromFront,
  gradientOf,
  inputOf,
  intAttribute,
  intsOf,
  refusedForm,
  type GradientRule,
} from './rule.ts';

/** The same numbers in another shape. */
const reshaped: GradientRule = (step) => [step.tape.reshape(gradientOf(step), dimsOf(step, 0))];

const transpose: GradientRule = (step) => {
  const rank = dimsOf(step, 0).length;
  const perm = intsOf(step, 'perm', 1) ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  const back = Array.from({ length: rank }, (_, axis) => perm.indexOf(axis));
  return [step.tape.transpose(gradientOf(step), back)];
};

const expand: GradientRule = (step) => {
  const whole = step.tape.dims(step.node.output[0] ?? '');
  return [step.tape.unbroadcast(gradientOf(step), whole, dimsOf(step, 0))];
};

const concat: GradientRule = (step) => {
  const { tape, node } = step;
  const rank = dimsOf(step, 0).length;
  const axis = fromFront(intAttribute(step, 'axis', 0), rank);
  let start = 0;
  return node.input.map((_, input) => {
    const from = start;
    start += dimsOf(step, input)[axis] ?? 0;
    if (!step.wants(input)) return undefined;
    return tape.op('Slice', [gradientOf(step), tape.ints([from]), tape.ints([start]), tape.ints([axis])]);
  });
};

const split: GradientRule = (step) => {
  const { tape, node, gradients } = step;
  const axis = fromFront(intAttribute(step, 'axis', 0), dimsOf(step, 0).length);
  const parts = node.output.map((name, index) => gradients[index] ?? tape.zeros(tape.dims(name)));
  return [tape.op('Concat', parts, { axis })];
};

/** The gradient of what was left out is 0. */
const slice: GradientRule = (step) => {
  const { tape } = step;
  const dims = dimsOf(step, 0);
  const starts = tape.integers(inputOf(step, 1));
  const taken = tape.dims(step.node.output[0] ?? '');
  if (!starts) throw refusedForm(step, 'where it begins is not known');
  const axes = tape.integers(inputOf(step, 3)) ?? starts.map((_, index) => index);
  const steps = tape.integers(inputOf(step, 4)) ?? [];
  if (steps.some((each) => each !== 1)) throw refusedForm(step, 'it takes steps other than 1');
  const before = dims.map(() => 0);
  for (const [index, given] of axes.entries()) {
    const axis = fromFront(given, dims.length);
    const length = dims[axis] ?? 0;
    const start = starts[index] ?? 0;
    before[axis] = Math.max(0, Math.min(start < 0 ? start + length : start, length));
  }
  const after = dims.map((length, axis) => length - (before[axis] ?? 0) - (taken[axis] ?? 0));
  return [tape.op('Pad', [gradientOf(step), tape.ints([...before, ...after]), tape.scalar(0)])];
};

export const SHAPING: Readonly<Record<string, GradientRule>> = {
  Reshape: reshaped,
  Flatten: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,
  Transpose: transpose,
  Expand: expand,
  Concat: concat,
  Split: split,
  Slice: slice,
};
