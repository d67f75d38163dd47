import type { NodeProto } from 'onnx-buf';

import { TrainingRefusal } from '../refusal.ts';
import type { Tape } from './tape.ts';

/** One node of the forward graph, on the way back through it. */
export interface Step {
  readonly node: NodeProto;
  readonly tape: Tape;
  /** Of the loss by each output; undefined where the loss does not depend on it. */
  readonly gradients: readonly (string | undefined)[];
  /** Whether the loss's derivative by the input is asked for. */
  wants(input: number): boolean;
}

/** @returns the gradient by each input that is wanted. @throws TrainingRefusal for a form of the operator that has none here */
export type GradientRule = (step: Step) => readonly (string | undefined)[];

export function inputOf({ node }: Step, index: number): string {
  return node.input[index] ?? '';
}

export function dimsOf(step: Step, index: number): readonly number[] {
  return step.tape.dims(inputOf(step, index));
}

/** The gradient by the first output, which operators of one output have whenever their rule is asked. */
export function gradientOf({ gradients, node }: Step): string {
  const [gradient] = gradients;
  if (gradient === undefined)
    throw new TrainingRefusal(`${node.opType} "${node.name}" has no gradient by its first output.`);
  return gradient;
}

export function intAttribute({ node }: Step, name: string, usual: number): number {
  const found = node.attribute.find((each) => each.name === name);
  return found ? Number(found.i) : usual;
}

export function floatAttribute({ node }: Step, name: string, usual: number): number {
  return node.attribute.find((each) => each.name === name)?.f ?? usual;
}

export function textAttribute({ node }: Step, name: string): string | undefined {
  const found = node.attribute.find((each) => each.name === name);
  return found && new TextDecoder().decode(found.s);
}

/** Axes, or a shape, that old opsets have as an attribute and new ones as an input. */
export function intsOf(step: Step, attribute: string, input: number): readonly number[] | undefined {
  const found = step.node.attribute.find((each) => each.name === attribute);
  if (found) return found.ints.map(Number);
  const name = inputOf(step, input);
  return name === '' ? undefined : step.tape.integers(name);
}

/** Counted from the front. */
export function fromFront(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

export function refusedForm({ node }: Step, why: string): TrainingRefusal {
  return new TrainingRefusal(`${node.opType} "${node.name || node.output[0]}" cannot be trained through: ${why}.`);
}
