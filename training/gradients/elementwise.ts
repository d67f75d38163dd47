import { ONNX_TYPES } from '../onnx/onnxGraph.ts';
import {
  dimsOf,
  gradientOf,
  inputOf,
  intAttribute,
  refusedForm,
  textAttribute,
  type GradientRule,
  type Step,
} from './rule.ts';
import { broadcast } from './tape.ts';

const TWO_BY_ROOT_PI = 2 / Math.sqrt(Math.PI);
const ROOT_HALF = Math.SQRT1_2;
const ONE_BY_ROOT_TWO_PI = 1 / Math.sqrt(2 * Math.PI);
/** Of the approximation of Gelu by tanh (Hendrycks and Gimpel 2016). */
const GELU_INNER = Math.sqrt(2 / Math.PI);
const GELU_CUBE = 0.044715;

/** Of an operator of one input: its gradient times the derivative that `derivative` writes. */
function unary(derivative: (step: Step, input: string, output: string) => string): GradientRule {
  return (step) => {
    const slope = derivative(step, inputOf(step, 0), step.node.output[0] ?? '');
    return [step.tape.op('Mul', [gradientOf(step), slope])];
  };
}

/** Of an operator of two inputs that are broadcast; `by` writes the gradient by each, as long as the output. */
function binary(by: (step: Step, gradient: string) => readonly [() => string, () => string]): GradientRule {
  return (step) => {
    const gradient = gradientOf(step);
    const shapes = [dimsOf(step, 0), dimsOf(step, 1)] as const;
    const whole = broadcast(...shapes);
    return by(step, gradient).map((write, input) =>
      step.wants(input) ? step.tape.unbroadcast(write(), whole, shapes[input] ?? []) : undefined,
    );
  };
}

const gelu: GradientRule = (step) => {
  const { tape } = step;
  const x = inputOf(step, 0);
  const half = (name: string): string => tape.op('Mul', [name, tape.scalar(0.5)]);
  const onePlus = (name: string): string => tape.op('Add', [name, tape.scalar(1)]);
  if (textAttribute(step, 'approximate') === 'tanh') {
    const square = tape.op('Mul', [x, x]);
    const cubic = onePlus(tape.op('Mul', [square, tape.scalar(GELU_CUBE)]));
    const tanh = tape.op('Tanh', [tape.op('Mul', [tape.op('Mul', [x, tape.scalar(GELU_INNER)]), cubic])]);
    const inner = tape.op('Mul', [
      onePlus(tape.op('Mul', [square, tape.scalar(3 * GELU_CUBE)])),
      tape.scalar(GELU_INNER),
    ]);
    const bend = tape.op('Mul', [tape.op('Sub', [tape.scalar(1), tape.op('Mul', [tanh, tanh])]), inner]);
    const slope = tape.op('Add', [half(onePlus(tanh)), half(tape.op('Mul', [x, bend]))]);
    return [tape.op('Mul', [gradientOf(step), slope])];
  }
  const share = half(onePlus(tape.op('Erf', [tape.op('Mul', [x, tape.scalar(ROOT_HALF)])])));
  const bell = tape.op('Mul', [
    tape.op('Exp', [tape.op('Mul', [tape.op('Mul', [x, x]), tape.scalar(-0.5)])]),
    tape.scalar(ONE_BY_ROOT_TWO_PI),
  ]);
  return [tape.op('Mul', [gradientOf(step), tape.op('Add', [share, tape.op('Mul', [x, bell])])])];
};

const power: GradientRule = (step) => {
  if (step.wants(1)) throw refusedForm(step, 'its exponent depends on a weight');
  if (!step.wants(0)) return [];
  const { tape } = step;
  const [x, exponent] = [inputOf(step, 0), inputOf(step, 1)];
  const lower = tape.op('Pow', [x, tape.op('Sub', [exponent, tape.scalar(1)])]);
  const slope = tape.op('Mul', [exponent, lower]);
  const whole = tape.op('Mul', [gradientOf(step), slope]);
  return [tape.unbroadcast(whole, broadcast(dimsOf(step, 0), dimsOf(step, 1)), dimsOf(step, 0))];
};

const where: GradientRule = (step) => {
  const { tape } = step;
  const gradient = gradientOf(step);
  const condition = inputOf(step, 0);
  const whole = tape.dims(step.node.output[0] ?? '');
  const zero = tape.scalar(0);
  return [
    undefined,
    step.wants(1) ? tape.unbroadcast(tape.op('Where', [condition, gradient, zero]), whole, dimsOf(step, 1)) : undefined,
    step.wants(2) ? tape.unbroadcast(tape.op('Where', [condition, zero, gradient]), whole, dimsOf(step, 2)) : undefined,
  ];
};

/** Passes the gradient on as it is: also of Dropout, which does nothing outside of training modes. */
const same: GradientRule = (step) => [gradientOf(step)];

const cast: GradientRule = (step) => {
  const to = intAttribute(step, 'to', ONNX_TYPES.UNDEFINED);
  if (to === step.tape.floatType) return [gradientOf(step)];
  if (ROUNDING.has(to)) return [undefined];
  throw refusedForm(step, 'it casts to another type of float');
};
const ROUNDING: ReadonlySet<number> = new Set([ONNX_TYPES.INT64, ONNX_TYPES.INT32, ONNX_TYPES.BOOL]);

export const ELEMENTWISE: Readonly<Record<string, GradientRule>> = {
  Identity: same,
  Dropout: same,
  Cast: cast,
  Add: binary((_, gradient) => [() => gradient, () => gradient]),
  Sub: binary(({ tape }, gradient) => [() => gradient, () => tape.op('Neg', [gradient])]),
  Mul: binary((step, gradient) => [
    () => step.tape.op('Mul', [gradient, inputOf(step, 1)]),
    () => step.tape.op('Mul', [gradient, inputOf(step, 0)]),
  ]),
  Div: binary((step, gradient) => [
    () => step.tape.op('Div', [gradient, inputOf(step, 1)]),
    () => {
      const { tape, node } = step;
      const scaled = tape.op('Mul', [gradient, tape.op('Div', [node.output[0] ?? '', inputOf(step, 1)])]);
      return tape.op('Neg', [scaled]);
    },
  ]),
  Pow: power,
  Where: where,
  Neg: (step) => [step.tape.op('Neg', [gradientOf(step)])],
  // At 0, where there is none, 0 is taken.
  Relu: unary(({ tape }, _, y) => tape.op('Sign', [y])),
  Tanh: unary(({ tape }, _, y) => tape.op('Sub', [tape.scalar(1), tape.op('Mul', [y, y])])),
  Sigmoid: unary(({ tape }, _, y) => tape.op('Mul', [y, tape.op('Sub', [tape.scalar(1), y])])),
  Exp: unary((_, __, y) => y),
  Log: (step) => [step.tape.op('Div', [gradientOf(step), inputOf(step, 0)])],
  Sqrt: unary(({ tape }, _, y) => tape.op('Div', [tape.scalar(0.5), y])),
  Reciprocal: unary(({ tape }, _, y) => tape.op('Neg', [tape.op('Mul', [y, y])])),
  Erf: unary(({ tape }, x) =>
    tape.op('Mul', [tape.op('Exp', [tape.op('Neg', [tape.op('Mul', [x, x])])]), tape.scalar(TWO_BY_ROOT_PI)]),
  ),
  Gelu: gelu,
};
