import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { strategySchema, type LocalOptimizer, type Strategy } from '../../domain/training.ts';
import { clip, examplesOfStep, localStep, startLocally, type Gradient } from '../../training/localSteps.ts';
import { partitionExamples } from '../../training/partition.ts';
import { addNoise, epsilonOf, roundsWithin } from '../../training/privacy.ts';
import { seededRandom } from '../../domain/random.ts';
import { normal } from '../../training/random.ts';
import { aggregate, UpdateMean } from '../../training/strategies/aggregate.ts';
import { serverStep, startServer } from '../../training/strategies/serverStep.ts';

const floats = (...values: number[]): Float32Array => Float32Array.from(values);
/** Of every weight. */
const gradient = (...values: number[]): Gradient => ({
  values: floats(...values),
  spans: [{ start: 0, end: values.length }],
});
const near = (list: Float32Array | undefined, expected: readonly number[]): void => {
  expect(list).toHaveLength(expected.length);
  for (const [index, value] of expected.entries()) expect(list?.[index]).toBeCloseTo(value, 5);
};
const strategy = (given: object): Strategy => strategySchema.parse(given);

const density = (at: number): number => Math.exp((-at * at) / 2) / Math.sqrt(2 * Math.PI);

/** What the Gaussian mechanism gives away at an epsilon, exactly: its delta (Balle and Wang 2018, theorem 8). */
const exactDelta = (epsilon: number, noise: number): number =>
  below(1 / (2 * noise) - epsilon * noise) - Math.exp(epsilon) * below(-1 / (2 * noise) - epsilon * noise);
/** Of a normal distribution, the share below x: Simpson's rule from 40 deviations down. */
const below = (x: number): number => {
  const [from, pieces] = [-40, 20_000];
  const width = (x - from) / pieces;
  let sum = density(from) + density(x);
  for (let piece = 1; piece < pieces; piece++) sum += density(from + piece * width) * (piece % 2 === 0 ? 2 : 4);
  return (sum * width) / 3;
};

describe('strategies', () => {
  test('FedSGD steps along the mean gradient (McMahan et al. 2017)', () => {
    const fedsgd = strategy({ kind: 'fedsgd', learning_rate: 0.5 });
    // Clients send the negative of their gradients 2 and 4.
    const mean = aggregate(
      { kind: 'mean' },
      [
        { update: floats(-2), weight: 1 },
        { update: floats(-4), weight: 3 },
      ],
      1,
    );
    near(serverStep(fedsgd, startServer(fedsgd, floats(10)), mean).weights, [10 - 0.5 * 3.5]);
  });

  test('FedAvg is the mean of the clients’ weights, by their examples', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.float({ min: -8, max: 8, noNaN: true }), fc.integer({ min: 1, max: 50 })), {
          minLength: 1,
          maxLength: 9,
        }),
        fc.float({ min: -8, max: 8, noNaN: true }),
        (clients, start) => {
          const fedavg = strategy({ kind: 'fedavg' });
          const updates = clients.map(([weight, examples]) => ({ update: floats(weight - start), weight: examples }));
          const next = serverStep(fedavg, startServer(fedavg, floats(start)), aggregate({ kind: 'mean' }, updates, 1));
          const all = clients.reduce((sum, [, examples]) => sum + examples, 0);
          const expected = clients.reduce((sum, [weight, examples]) => sum + (weight * examples) / all, 0);
          expect(next.weights[0]).toBeCloseTo(expected, 4);
        },
      ),
    );
  });

  test('FedAdam follows algorithm 2 of Reddi et al. 2021 over two rounds', () => {
    const fedadam = strategy({ kind: 'fedadam', learning_rate: 0.1, beta1: 0.9, beta2: 0.99, tau: 0.01 });
    let state = startServer(fedadam, floats(1));
    let [m, v, x] = [0, 0.01 ** 2, 1];
    for (const change of [0.5, -0.25]) {
      state = serverStep(fedadam, state, floats(change));
      m = 0.9 * m + 0.1 * change;
      v = 0.99 * v + 0.01 * change ** 2;
      x += (0.1 * m) / (Math.sqrt(v) + 0.01);
      near(state.weights, [x]);
    }
    near(state.moments[0], [m]);
    near(state.moments[1], [v]);
  });

  test('DiLoCo takes Nesterov’s outer steps, as PyTorch’s SGD does', () => {
    const diloco = strategy({ kind: 'diloco', learning_rate: 0.7, momentum: 0.9 });
    let state = startServer(diloco, floats(2));
    let [velocity, x] = [0, 2];
    for (const change of [1, 0.5, -2]) {
      state = serverStep(diloco, state, floats(change));
      const gradient = -change;
      velocity = 0.9 * velocity + gradient;
      x -= 0.7 * (gradient + 0.9 * velocity);
      near(state.weights, [x]);
    }
    near(state.moments[0], [velocity]);
  });

  test('steps without momentum and decay touch nothing but what has a gradient; others do', () => {
    const slopes: Gradient = {
      values: floats(1, 0, 2),
      spans: [
        { start: 0, end: 1 },
        { start: 2, end: 3 },
      ],
    };
    const from = { weights: floats(1, 1, 1), mu: 0 };
    const stepped = (optimizer: LocalOptimizer, mu = 0) =>
      localStep(startLocally(floats(1, 1, 1), optimizer), optimizer, slopes, 0, { ...from, mu }).weights;
    const plain = { kind: 'sgd', learning_rate: 0.1, momentum: 0, weight_decay: 0 } as const;
    near(stepped(plain), [0.9, 1, 0.8]);
    near(stepped({ ...plain, momentum: 0.5 }), [0.9, 1, 0.8]);
    near(stepped({ ...plain, weight_decay: 0.5 }), [0.85, 0.95, 0.75]);
    const held = localStep(startLocally(floats(3, 3, 3), plain), plain, slopes, 0, { ...from, mu: 0.5 });
    near(held.weights, [2.8, 2.9, 2.7]);
  });

  test('FedProx adds mu times the distance from the round’s weights to the gradient (Li et al. 2020)', () => {
    const sgd = { kind: 'sgd', learning_rate: 0.1, momentum: 0, weight_decay: 0 } as const;
    const away = { ...startLocally(floats(3), sgd) };
    const next = localStep(away, sgd, gradient(1), 0, { weights: floats(1), mu: 0.5 });
    near(next.weights, [3 - 0.1 * (1 + 0.5 * (3 - 1))]);
  });

  test('local momentum and AdamW are those of their papers', () => {
    const momentum = { kind: 'sgd', learning_rate: 0.1, momentum: 0.9, weight_decay: 0.01 } as const;
    let state = startLocally(floats(1), momentum);
    let [velocity, x] = [0, 1];
    for (const slope of [1, 2]) {
      state = localStep(state, momentum, gradient(slope), 0, { weights: floats(0), mu: 0 });
      velocity = 0.9 * velocity + slope + 0.01 * x;
      x -= 0.1 * velocity;
      near(state.weights, [x]);
    }
    const adamw = {
      kind: 'adamw',
      learning_rate: 0.1,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      weight_decay: 0.1,
    } as const;
    const first = localStep(startLocally(floats(1), adamw), adamw, gradient(5), 2, { weights: floats(0), mu: 0 });
    // Of the first step, the unbiased means are the gradient and its square.
    near(first.weights, [1 - 0.1 * (1 + 0.1)]);
    expect(first).toMatchObject({ step: 1, lossSum: 2 });
  });
});

const weighed = (lists: readonly number[][]) => lists.map((list) => ({ update: floats(...list), weight: 1 }));

describe('aggregation', () => {
  const columns = fc.array(fc.array(fc.float({ min: -100, max: 100, noNaN: true }), { minLength: 3, maxLength: 3 }), {
    minLength: 1,
    maxLength: 11,
  });

  test('the median is that of each coordinate, whatever a few clients say (Yin et al. 2018)', () => {
    fc.assert(
      fc.property(columns, (lists) => {
        const expected = [0, 1, 2].map((index) => {
          const sorted = lists.map((list) => list[index] ?? 0).sort((a, b) => a - b);
          const half = (sorted.length - 1) / 2;
          return ((sorted[Math.floor(half)] ?? 0) + (sorted[Math.ceil(half)] ?? 0)) / 2;
        });
        near(aggregate({ kind: 'median' }, weighed(lists), 3), expected);
      }),
    );
    const honest = Array.from({ length: 5 }, (_, client) => [client, 0, 1]);
    near(aggregate({ kind: 'median' }, weighed([...honest, [1e9, 1e9, -1e9]]), 3), [2.5, 0, 1]);
  });

  test('the trimmed mean leaves out the share at either end', () => {
    const lists = [[-1e9], [1], [2], [3], [1e9]];
    near(aggregate({ kind: 'trimmed_mean', trim: 0.2 }, weighed(lists), 1), [2]);
    near(aggregate({ kind: 'trimmed_mean', trim: 0 }, weighed([[1], [2], [6]]), 1), [3]);
  });

  test('clipping bounds the length and keeps the direction', () => {
    const update = floats(3, 4);
    expect(clip(update, 1)).toBeCloseTo(5);
    near(update, [0.6, 0.8]);
    const short = floats(0.3, 0.4);
    clip(short, 1);
    near(short, [0.3, 0.4]);
  });

  test('an update of another length or without a weight is an error', () => {
    const mean = new UpdateMean(2);
    expect(() => mean.add({ update: floats(1), weight: 1 })).toThrow('An update has 1 weights, not 2.');
    expect(() => mean.add({ update: floats(1, 2), weight: 0 })).toThrow('An update weighs 0.');
  });
});

describe('privacy', () => {
  test('epsilon is an upper bound of the exact one, of one round and of many, and a near one', () => {
    // Noise of a round by rounds: many rounds are one with less noise (Dong et al. 2019, corollary 3.3).
    for (const [noise, rounds] of [
      [1, 1],
      [2, 1],
      [4, 1],
      [4, 10],
      [8, 100],
      [1.1, 20],
      [20, 30],
    ] as const) {
      const delta = 1e-5;
      const epsilon = epsilonOf({ noise_multiplier: noise, delta }, rounds);
      const asOne = noise / Math.sqrt(rounds);
      expect(exactDelta(epsilon, asOne)).toBeLessThanOrEqual(delta);
      expect(exactDelta(0.8 * epsilon, asOne)).toBeGreaterThan(delta);
    }
    // Published for noise of 1 and a delta of 1e-5: 4.38 exactly.
    expect(exactDelta(4.38, 1)).toBeCloseTo(1e-5, 6);
  });

  test('a budget holds so many rounds and not one more', () => {
    for (const budget of [0.5, 1, 3, 20]) {
      const privacy = { noise_multiplier: 4, delta: 1e-5 };
      const rounds = roundsWithin(privacy, budget);
      expect(epsilonOf(privacy, rounds)).toBeLessThanOrEqual(budget);
      expect(epsilonOf(privacy, rounds + 1)).toBeGreaterThan(budget);
    }
    expect(roundsWithin({ noise_multiplier: 0, delta: 1e-5 }, 100)).toBe(0);
  });

  test('epsilon is that of the Gaussian mechanism, and grows with rounds', () => {
    // One release with a noise of 1 at delta 1e-5: the exact curve (Balle and Wang 2018) says 4.38.
    const once = epsilonOf({ noise_multiplier: 1, delta: 1e-5 }, 1);
    expect(once).toBeGreaterThan(4.38);
    expect(once).toBeLessThan(5);
    expect(epsilonOf({ noise_multiplier: 1, delta: 1e-5 }, 10)).toBeGreaterThan(once);
    expect(epsilonOf({ noise_multiplier: 2, delta: 1e-5 }, 1)).toBeLessThan(once);
    expect(epsilonOf({ noise_multiplier: 0, delta: 1e-5 }, 1)).toBe(Number.POSITIVE_INFINITY);
    expect(epsilonOf({ noise_multiplier: 1, delta: 1e-5 }, 0)).toBe(0);
  });

  test('noise has the deviation that the accountant counts on', () => {
    const random = seededRandom(1);
    const mean = new Float32Array(20_000);
    addNoise(mean, { clip_norm: 2, noise_multiplier: 3 }, 4, () => normal(random));
    const deviation = Math.sqrt(mean.reduce((sum, each) => sum + each ** 2, 0) / mean.length);
    expect(deviation).toBeCloseTo((2 * 3) / 4, 1);
  });
});

describe('examples', () => {
  test('every example belongs to one client, and none is left without', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 12, max: 200 }),
        fc.constantFrom(0.1, 0.5, 1),
        (clients, count, alpha) => {
          const classes = Array.from({ length: count }, (_, example) => example % 5);
          for (const partition of [{ kind: 'even' }, { kind: 'dirichlet', alpha }] as const) {
            const shares = partitionExamples(partition, clients, classes, 7);
            expect(shares.flat().sort((a, b) => a - b)).toEqual(classes.map((_, example) => example));
            expect(Math.min(...shares.map(({ length }) => length))).toBeGreaterThan(0);
          }
        },
      ),
    );
  });

  test('the smaller alpha, the more clients differ', () => {
    const classes = Array.from({ length: 5_000 }, (_, example) => example % 10);
    const imbalance = (alpha: number): number => {
      const shares = partitionExamples({ kind: 'dirichlet', alpha }, 10, classes, 3);
      const largest = shares.map((share) => {
        const counts = share.reduce(
          (all, example) => all.with(example % 10, (all[example % 10] ?? 0) + 1),
          Array.from({ length: 10 }, () => 0),
        );
        return Math.max(...counts) / share.length;
      });
      return largest.reduce((sum, each) => sum + each, 0) / largest.length;
    };
    expect(imbalance(0.1)).toBeGreaterThan(imbalance(1));
    expect(imbalance(1)).toBeGreaterThan(imbalance(1_000));
  });

  test('each epoch goes once through all examples, in an order of its own', () => {
    const taken = [0, 1, 2, 3, 4].flatMap((step) => examplesOfStep(step, 4, 10, 1));
    expect(taken.slice(0, 10).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(taken.slice(10).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(taken.slice(0, 10)).not.toEqual(taken.slice(10));
  });
});
