import {
  dimsOf,
  floatAttribute,
  fromFront,
  gradientOf,
  inputOf,
  intAttribute,
  refusedForm,
  type GradientRule,
} from './rule.ts';
import { broadcast } from './tape.ts';

const matMul: GradientRule = (step) => {
  const { tape } = step;
  const [a, b] = [dimsOf(step, 0), dimsOf(step, 1)];
  if (a.length < 2 || b.length < 2) throw refusedForm(step, 'one side is a vector; make it a matrix of one row');
  const gradient = gradientOf(step);
  const [k = 1, n = 1] = b.slice(-2);
  const rows = a.slice(0, -1).reduce((product, length) => product * length, 1);
  // All rows of all batches at once: one product in place of one a batch and their sum.
  if (b.length === 2) {
    const flat = tape.reshape(gradient, [rows, n]);
    return [
      step.wants(0) ? tape.reshape(tape.op('Gemm', [flat, inputOf(step, 1)], { transB: 1 }), a) : undefined,
      step.wants(1) ? tape.op('Gemm', [tape.reshape(inputOf(step, 0), [rows, k]), flat], { transA: 1 }) : undefined,
    ];
  }
  const batch = broadcast(a.slice(0, -2), b.slice(0, -2));
  return [
    step.wants(0)
      ? tape.unbroadcast(
          tape.op('MatMul', [gradient, tape.swapped(inputOf(step, 1), b.length)]),
          [...batch, ...a.slice(-2)],
          a,
        )
      : undefined,
    step.wants(1)
      ? tape.unbroadcast(
          tape.op('MatMul', [tape.swapped(inputOf(step, 0), a.length), gradient]),
          [...batch, ...b.slice(-2)],
          b,
        )
      : undefined,
  ];
};

/** Y = alpha A' B' + beta C. */
const gemm: GradientRule = (step) => {
  const { tape, node } = step;
  const gradient = gradientOf(step);
  const [alpha, beta] = [floatAttribute(step, 'alpha', 1), floatAttribute(step, 'beta', 1)];
  const [transA, transB] = [intAttribute(step, 'transA', 0), intAttribute(step, 'transB', 0)];
  const [a, b] = [inputOf(step, 0), inputOf(step, 1)];
  const product = (x: string, y: string, swapX: number, swapY: number): string =>
    tape.op('Gemm', [x, y], { alpha: { float: alpha }, transA: swapX, transB: swapY });
  const whole = tape.dims(node.output[0] ?? '');
  const scaled = (): string => (beta === 1 ? gradient : tape.op('Mul', [gradient, tape.scalar(beta)]));
  return [
    step.wants(0) ? (transA ? product(b, gradient, transB, 1) : product(gradient, b, 0, 1 - transB)) : undefined,
    step.wants(1) ? (transB ? product(gradient, a, 1, transA) : product(a, gradient, 1 - transA, 0)) : undefined,
    node.input.length > 2 && step.wants(2) ? tape.unbroadcast(scaled(), whole, dimsOf(step, 2)) : undefined,
  ];
};

/** Rows of a table: each gets the gradients of all the places that it was taken to. */
const gather: GradientRule = (step) => {
  const { tape } = step;
  if (!step.wants(0)) return [];
  const [data, indices] = [dimsOf(step, 0), dimsOf(step, 1)];
  const axis = fromFront(intAttribute(step, 'axis', 0), data.length);
  const rank = data.length - 1 + indices.length;
  const places = Array.from({ length: indices.length }, (_, index) => axis + index);
  const others = Array.from({ length: rank }, (_, index) => index).filter((each) => !places.includes(each));
  const rest = data.filter((_, each) => each !== axis);
  const count = indices.reduce((product, length) => product * length, 1);
  const taken = tape.reshape(tape.transpose(gradientOf(step), [...places, ...others]), [count, ...rest]);
  const to = tape.reshape(inputOf(step, 1), [count, 1]);
  const long = tape.op('Cast', [to], { to: 7 });
  const table = tape.op('ScatterND', [tape.zeros([data[axis] ?? 0, ...rest]), long, taken], { reduction: 'add' });
  // The axis stands first in the table; it goes back to its place.
  const back = data.map((_, each) => (each === axis ? 0 : each < axis ? each + 1 : each));
  if (axis === 0) tape.tables.set(table, { gradients: taken, rows: to, count });
  return [tape.transpose(table, back)];
};

const gatherElements: GradientRule = (step) => {
  if (!step.wants(0)) return [];
  const { tape } = step;
  const axis = intAttribute(step, 'axis', 0);
  const places = [tape.zeros(dimsOf(step, 0)), inputOf(step, 1), gradientOf(step)];
  return [tape.op('ScatterElements', places, { axis, reduction: 'add' })];
};

export const LINEAR: Readonly<Record<string, GradientRule>> = {
  MatMul: matMul,
  Gemm: gemm,
  Gather: gather,
  GatherElements: gatherElements,
};
