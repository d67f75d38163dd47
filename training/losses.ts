import type { NodeProto, TensorProto } from 'onnx-buf';

import type { Tape } from './gradients/tape.ts';
import { bytesOf, node, ONNX_TYPES, tensor } from './onnx/onnxGraph.ts';

/**
 * What is made small. `softmax-cross-entropy`: of logits and the number of the right class, with negative numbers left
 * out, e.g. of padding. `mean-squared-error`: of numbers and those that they should be. `output`: the network's own
 * output is the loss.
 */
export const LOSSES = ['softmax-cross-entropy', 'mean-squared-error', 'output'] as const;
export type Loss = (typeof LOSSES)[number];

/** The input with what the network should have said. */
export const LABELS = 'labels';
/** Outputs of a training graph, beside a gradient for each weight. */
export const LOSS_OUTPUT = 'loss';
/** Of how many labels the most probable class is right, and how many labels there are; of cross entropy alone. */
export const CORRECT_OUTPUT = 'correct';
export const COUNTED_OUTPUT = 'counted';

interface LossNodes {
  readonly nodes: readonly NodeProto[];
  readonly constants: readonly TensorProto[];
}

/** The nodes from a network's output to the loss, of 32-bit floats. */
export function lossNodes(loss: Loss, output: string): LossNodes {
  switch (loss) {
    case 'softmax-cross-entropy':
      return crossEntropy(output);
    case 'mean-squared-error':
      return {
        nodes: [
          node('Sub', [output, LABELS], ['loss/off']),
          node('Mul', ['loss/off', 'loss/off'], ['loss/squared']),
          node('ReduceMean', ['loss/squared'], [LOSS_OUTPUT], { keepdims: 0 }),
        ],
        constants: [],
      };
    case 'output':
      return { nodes: [node('ReduceMean', [output], [LOSS_OUTPUT], { keepdims: 0 })], constants: [] };
    default:
      return loss satisfies never;
  }
}

function crossEntropy(output: string): LossNodes {
  const { FLOAT, INT64 } = ONNX_TYPES;
  return {
    constants: [
      tensor('loss/none', INT64, [], bytesOf(BigInt64Array.of(0n))),
      tensor('loss/last', INT64, [1], bytesOf(BigInt64Array.of(-1n))),
      tensor('loss/one', FLOAT, [], bytesOf(Float32Array.of(1))),
    ],
    nodes: [
      node('GreaterOrEqual', [LABELS, 'loss/none'], ['loss/isCounted']),
      node('Cast', ['loss/isCounted'], ['loss/counts'], { to: FLOAT }),
      node('ReduceSum', ['loss/counts'], [COUNTED_OUTPUT], { keepdims: 0 }),
      node('Max', [LABELS, 'loss/none'], ['loss/class']),
      node('Unsqueeze', ['loss/class', 'loss/last'], ['loss/classes']),
      node('LogSoftmax', [output], ['loss/logs'], { axis: -1 }),
      node('GatherElements', ['loss/logs', 'loss/classes'], ['loss/taken'], { axis: -1 }),
      node('Squeeze', ['loss/taken', 'loss/last'], ['loss/each']),
      node('Mul', ['loss/each', 'loss/counts'], ['loss/weighed']),
      node('ReduceSum', ['loss/weighed'], ['loss/sum'], { keepdims: 0 }),
      node('Max', [COUNTED_OUTPUT, 'loss/one'], ['loss/atLeastOne']),
      node('Div', ['loss/sum', 'loss/atLeastOne'], ['loss/mean']),
      node('Neg', ['loss/mean'], [LOSS_OUTPUT]),
      node('ArgMax', [output], ['loss/best'], { axis: -1, keepdims: 0 }),
      node('Equal', ['loss/best', LABELS], ['loss/isRight']),
      node('Cast', ['loss/isRight'], ['loss/right'], { to: FLOAT }),
      node('ReduceSum', ['loss/right'], [CORRECT_OUTPUT], { keepdims: 0 }),
    ],
  };
}

/** Writes the gradient of the loss by the network's output behind the nodes of `lossNodes`. */
export function lossGradient(loss: Loss, output: string, tape: Tape): string {
  const dims = tape.dims(output);
  const count = dims.reduce((product, length) => product * length, 1);
  switch (loss) {
    case 'softmax-cross-entropy': {
      // The shares less 1 at the right class, each by the weight of its label.
      const weight = tape.op('Div', ['loss/counts', 'loss/atLeastOne']);
      const weights = tape.op('Unsqueeze', [weight, 'loss/last']);
      const shares = tape.op('Mul', [tape.op('Exp', ['loss/logs']), weights]);
      const right = tape.op('Neg', [weights]);
      return tape.op('ScatterElements', [shares, 'loss/classes', right], { axis: dims.length - 1, reduction: 'add' });
    }
    case 'mean-squared-error':
      return tape.op('Mul', ['loss/off', tape.scalar(2 / count)]);
    case 'output':
      return tape.op('Expand', [tape.scalar(1 / count), tape.ints(dims)]);
    default:
      return loss satisfies never;
  }
}
