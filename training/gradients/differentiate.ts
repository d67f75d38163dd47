import type { NodeProto } from 'onnx-buf';

import { TrainingRefusal } from '../refusal.ts';
import { ELEMENTWISE } from './elementwise.ts';
import { LINEAR } from './linear.ts';
import { NORMALISING } from './normalising.ts';
import type { GradientRule } from './rule.ts';
import { SHAPING } from './shaping.ts';
import type { Tape } from './tape.ts';

/** Operators that can be trained through, by name. Those of other domains have none. */
const RULES: Readonly<Record<string, GradientRule>> = { ...ELEMENTWISE, ...LINEAR, ...NORMALISING, ...SHAPING };

/** Operators whose outputs do not change with small changes of their inputs: nothing flows back through them. */
const FLAT: ReadonlySet<string> = new Set([
  'ArgMax',
  'ArgMin',
  'Equal',
  'Greater',
  'GreaterOrEqual',
  'IsNaN',
  'Less',
  'LessOrEqual',
  'Shape',
  'Sign',
  'Size',
]);

export const TRAINABLE_OPERATORS: readonly string[] = Object.keys(RULES).sort();

/**
 * Writes the derivative of a loss by weights on a tape: reverse mode, one pass over the nodes from the last to the first.
 * @param nodes in an order in which each comes after those whose outputs it takes
 * @param output what the loss is of, and the loss's gradient by it
 * @returns the gradient by each weight, of the weight's shape; undefined where the loss does not depend on it
 * @throws TrainingRefusal that names each operator on the way from a weight to the loss that has no derivative here
 */
export function differentiate(
  { nodes, tape }: { readonly nodes: readonly NodeProto[]; readonly tape: Tape },
  output: { readonly name: string; readonly gradient: string },
  weights: readonly string[],
): readonly (string | undefined)[] {
  const moving = movedBy(nodes, weights);
  const leading = leadingTo(nodes, output.name);
  const between = nodes.filter(
    ({ output, opType }) =>
      !FLAT.has(opType) && output.some((name) => moving.has(name)) && output.some((name) => leading.has(name)),
  );
  const unknown = between.filter(({ domain, opType }) => ruleOf(domain, opType) === undefined);
  if (unknown.length > 0) {
    const names = [...new Set(unknown.map(({ domain, opType }) => (domain ? `${domain}.${opType}` : opType)))];
    throw new TrainingRefusal(
      `No derivative is known of ${names.join(', ')}. Known are ${TRAINABLE_OPERATORS.join(', ')}.`,
    );
  }
  const sums = new Map([[output.name, output.gradient]]);
  for (const node of between.toReversed()) {
    const gradients = node.output.map((name) => sums.get(name));
    if (gradients.every((each) => each === undefined)) continue;
    const wants = (input: number): boolean => moving.has(node.input[input] ?? '');
    const rule = ruleOf(node.domain, node.opType);
    for (const [input, gradient] of (rule?.({ node, tape, gradients, wants }) ?? []).entries()) {
      const name = node.input[input] ?? '';
      if (gradient === undefined || !moving.has(name)) continue;
      const before = sums.get(name);
      sums.set(name, before === undefined ? gradient : tape.op('Add', [before, gradient]));
    }
  }
  return weights.map((name) => sums.get(name));
}

function ruleOf(domain: string, opType: string): GradientRule | undefined {
  const isStandard = domain === '' || domain === 'ai.onnx' || (domain === 'com.microsoft' && opType === 'Gelu');
  return isStandard && Object.hasOwn(RULES, opType) ? RULES[opType] : undefined;
}

/** What changes when one of the weights does. */
function movedBy(nodes: readonly NodeProto[], weights: readonly string[]): ReadonlySet<string> {
  const moved = new Set(weights);
  for (const { input, output, opType } of nodes) {
    if (FLAT.has(opType) || !input.some((name) => moved.has(name))) continue;
    for (const name of output) if (name !== '') moved.add(name);
  }
  return moved;
}

function leadingTo(nodes: readonly NodeProto[], loss: string): ReadonlySet<string> {
  const leading = new Set([loss]);
  for (const { input, output } of nodes.toReversed()) {
    if (!output.some((name) => leading.has(name))) continue;
    for (const name of input) if (name !== '') leading.add(name);
  }
  return leading;
}
