import type { Strategy } from '../../domain/training.ts';

/** What a strategy carries from round to round. */
export interface ServerState {
  readonly weights: Float32Array;
  /** FedAdam: means of updates and of their squares. DiLoCo: the outer momentum. */
  readonly moments: readonly Float32Array[];
}

/** Lists that a strategy keeps beside the weights. */
export function momentsOf({ kind }: Pick<Strategy, 'kind'>): number {
  return { fedsgd: 0, fedavg: 0, fedprox: 0, fedadam: 2, diloco: 1 }[kind];
}

export function startServer(strategy: Strategy, weights: Float32Array): ServerState {
  const moments = Array.from({ length: momentsOf(strategy) }, () => new Float32Array(weights.length));
  // Reddi et al. begin with at least tau squared.
  if (strategy.kind === 'fedadam') moments[1]?.fill(strategy.tau ** 2);
  return { weights, moments };
}

/**
 * The next weights from what the clients of a round have changed on the mean.
 * @param update the clients' weights less those that they were given; of FedSGD, the negative gradient
 */
export function serverStep(strategy: Strategy, state: ServerState, update: Float32Array): ServerState {
  switch (strategy.kind) {
    case 'fedsgd':
      return { ...state, weights: moved(state.weights, update, strategy.learning_rate) };
    case 'fedavg':
    case 'fedprox':
      return { ...state, weights: moved(state.weights, update, 1) };
    case 'fedadam':
      return fedAdam(strategy, state, update);
    case 'diloco':
      return diLoCo(strategy, state, update);
    default:
      return strategy satisfies never;
  }
}

function moved(weights: Float32Array, by: Float32Array, rate: number): Float32Array {
  return weights.map((weight, index) => weight + rate * (by[index] ?? 0));
}

/** Reddi et al. 2021, algorithm 2. */
function fedAdam(
  { learning_rate, beta1, beta2, tau }: Extract<Strategy, { kind: 'fedadam' }>,
  { weights, moments: [first = new Float32Array(), second = new Float32Array()] }: ServerState,
  update: Float32Array,
): ServerState {
  const means = first.map((mean, index) => beta1 * mean + (1 - beta1) * (update[index] ?? 0));
  const squares = second.map((square, index) => beta2 * square + (1 - beta2) * (update[index] ?? 0) ** 2);
  const next = weights.map(
    (weight, index) => weight + (learning_rate * (means[index] ?? 0)) / (Math.sqrt(squares[index] ?? 0) + tau),
  );
  return { weights: next, moments: [means, squares] };
}

/** Douillard et al. 2023: stochastic gradient descent with Nesterov's momentum, as PyTorch has it, on the outer gradient. */
function diLoCo(
  { learning_rate, momentum }: Extract<Strategy, { kind: 'diloco' }>,
  { weights, moments: [before = new Float32Array()] }: ServerState,
  update: Float32Array,
): ServerState {
  // The outer gradient points from the clients' weights to those that they were given.
  const velocity = before.map((each, index) => momentum * each - (update[index] ?? 0));
  const next = weights.map(
    (weight, index) => weight - learning_rate * (momentum * (velocity[index] ?? 0) - (update[index] ?? 0)),
  );
  return { weights: next, moments: [velocity] };
}
