import type { LocalOptimizer } from '../domain/training.ts';
import { seededRandom } from '../domain/random.ts';
import { shuffled } from './random.ts';

/** What a client has after some of its steps: enough for any car to go on from there to the same bytes. */
export interface LocalState {
  readonly step: number;
  readonly weights: Float32Array;
  /** Momentum; of AdamW, means of gradients and of their squares. */
  readonly moments: readonly Float32Array[];
  /** Over the steps so far. */
  readonly lossSum: number;
}

const MOMENTS = { sgd: 1, adamw: 2 } as const;

export function startLocally(weights: Float32Array, optimizer: LocalOptimizer): LocalState {
  const needed = optimizer.kind === 'sgd' && optimizer.momentum === 0 ? 0 : MOMENTS[optimizer.kind];
  const moments = Array.from({ length: needed }, () => new Float32Array(weights.length));
  return { step: 0, weights: weights.slice(), moments, lossSum: 0 };
}

/** The derivative of a loss by all weights, as one list. */
export interface Gradient {
  readonly values: Float32Array;
  /** Outside of these, it is 0. */
  readonly spans: readonly Span[];
}

export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * One step of the optimizer, in place in the state's lists.
 * @param gradient of the loss of the step's examples
 * @param near the weights that the round began with, and how strongly the client is held near them (FedProx, Li et al. 2020)
 */
export function localStep(
  state: LocalState,
  optimizer: LocalOptimizer,
  { values, spans }: Gradient,
  loss: number,
  near: { readonly weights: Float32Array; readonly mu: number },
): LocalState {
  const { weights } = state;
  const step = state.step + 1;
  const slopes = near.mu > 0 ? heldNear(values, weights, near) : values;
  // Weights without a gradient stay as they are only if nothing else moves them.
  const isPlain = optimizer.kind === 'sgd' && optimizer.momentum === 0 && optimizer.weight_decay === 0 && near.mu === 0;
  if (isPlain) stepPlainly(weights, slopes, spans, optimizer.learning_rate);
  else if (optimizer.kind === 'sgd') stepSgd(weights, slopes, state.moments[0], optimizer);
  else stepAdamW(weights, slopes, state.moments, optimizer, step);
  return { ...state, step, lossSum: state.lossSum + loss };
}

function heldNear(
  values: Float32Array,
  weights: Float32Array,
  near: { readonly weights: Float32Array; readonly mu: number },
): Float32Array {
  return values.map((value, i) => value + near.mu * (at(weights, i) - at(near.weights, i)));
}

function stepPlainly(weights: Float32Array, slopes: Float32Array, spans: readonly Span[], rate: number): void {
  for (const { start, end } of spans) {
    for (let i = start; i < end; i++) weights[i] = at(weights, i) - rate * at(slopes, i);
  }
}

function stepSgd(
  weights: Float32Array,
  gradient: Float32Array,
  velocity: Float32Array | undefined,
  { learning_rate, momentum, weight_decay }: Extract<LocalOptimizer, { kind: 'sgd' }>,
): void {
  for (let i = 0; i < weights.length; i++) {
    let slope = at(gradient, i) + weight_decay * at(weights, i);
    if (velocity) {
      slope += momentum * at(velocity, i);
      velocity[i] = slope;
    }
    weights[i] = at(weights, i) - learning_rate * slope;
  }
}

/** Loshchilov and Hutter 2019, algorithm 2, with the decay multiplied by the learning rate. */
function stepAdamW(
  weights: Float32Array,
  gradient: Float32Array,
  [first = new Float32Array(), second = new Float32Array()]: readonly Float32Array[],
  { learning_rate, beta1, beta2, epsilon, weight_decay }: Extract<LocalOptimizer, { kind: 'adamw' }>,
  step: number,
): void {
  const unbias1 = 1 - beta1 ** step;
  const unbias2 = 1 - beta2 ** step;
  for (let i = 0; i < weights.length; i++) {
    const slope = at(gradient, i);
    const mean = beta1 * at(first, i) + (1 - beta1) * slope;
    const square = beta2 * at(second, i) + (1 - beta2) * slope * slope;
    first[i] = mean;
    second[i] = square;
    const along = mean / unbias1 / (Math.sqrt(square / unbias2) + epsilon);
    weights[i] = at(weights, i) - learning_rate * (along + weight_decay * at(weights, i));
  }
}

/**
 * Which examples a step takes: each epoch goes once through all of them, in an order of its own. Where fewer are left
 * than a step takes, the next epoch begins within it.
 */
export function examplesOfStep(step: number, perStep: number, examples: number, seed: number): number[] {
  const first = step * perStep;
  const orders = new Map<number, Uint32Array>();
  return Array.from({ length: perStep }, (_, offset) => {
    const place = first + offset;
    const epoch = Math.floor(place / examples);
    const order = orders.get(epoch) ?? shuffled(examples, seededRandom(seed + 7919 * epoch));
    orders.set(epoch, order);
    return order[place % examples] ?? 0;
  });
}

/** Scales a list down to this length (L2), in place. @returns its length before */
export function clip(update: Float32Array, norm: number): number {
  let squares = 0;
  for (let i = 0; i < update.length; i++) squares += at(update, i) ** 2;
  const length = Math.sqrt(squares);
  if (length > norm) for (let i = 0; i < update.length; i++) update[i] = at(update, i) * (norm / length);
  return length;
}

function at(list: Float32Array, index: number): number {
  return list[index] ?? 0;
}
