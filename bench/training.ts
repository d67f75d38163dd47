/**
 * What training costs: a step of the compiled graph against the forward pass of the same model on the same examples, taking
 * turns in one process, and the aggregation of many large updates, as time and memory.
 *
 *     npm run bench:training -- [--rounds 40] [--updates 100] [--weights 10000000]
 */
import { parseArgs } from 'node:util';

import { InferenceSession, Tensor } from 'onnxruntime-node';

import { classifierNetwork, transformerNetwork } from '../demo/training/networks.ts';
import { compileTraining } from '../inference/training/compileTraining.ts';
import { trainingPipelineOf } from '../inference/training/trainingManifest.ts';
import { TrainingGraph } from '../inference/training/trainingPipeline.ts';
import { forwardFile, initialWeights } from '../training/compile.ts';
import { localStep, startLocally } from '../training/localSteps.ts';
import { LABELS } from '../training/losses.ts';
import { seededRandom } from '../domain/random.ts';
import { UpdateMean } from '../training/strategies/aggregate.ts';
import { serverStep, startServer } from '../training/strategies/serverStep.ts';
import { median } from './median.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '40' },
    updates: { type: 'string', default: '100' },
    weights: { type: 'string', default: '10000000' },
  },
});
const [rounds, updates, weightCount] = [Number(values.rounds), Number(values.updates), Number(values.weights)];
/** As the process that runs models in cars has them. */
const OPTIONS = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 } as const;
const TRAINING = { ...OPTIONS, enableCpuMemArena: true } as const;
const FORWARD = { ...OPTIONS, enableCpuMemArena: false } as const;
const OPTIMIZER = { kind: 'sgd', learning_rate: 0.01, momentum: 0, weight_decay: 0 } as const;
const MODELS = [
  {
    name: 'transformer, 4 layers of 128',
    network: transformerNetwork({ words: 1_000, width: 128, heads: 4, layers: 4, length: 32 }),
    words: 1_000,
    ids: [16, 32],
    labels: [16, 32],
    classes: 1_000,
  },
  {
    name: 'classifier, 4,000 words of 48',
    network: classifierNetwork({ words: 4_000, dimensions: 48, hidden: 64, classes: 45, length: 20 }),
    words: 4_000,
    ids: [32, 20],
    labels: [32],
    classes: 45,
  },
] as const;

const random = seededRandom(1);
const whole = (dims: readonly number[], below: number): Tensor => {
  const count = dims.reduce((all, each) => all * each, 1);
  const drawn = BigInt64Array.from({ length: count }, () => BigInt(Math.floor(random() * below)));
  return new Tensor('int64', drawn, dims);
};
const timed = async (run: () => Promise<unknown>): Promise<number> => {
  const startMs = performance.now();
  await run();
  return performance.now() - startMs;
};

for (const model of MODELS) {
  const [batch = 1] = model.ids;
  const { file, description } = await compileTraining(model.network, {
    loss: 'softmax-cross-entropy',
    lengths: { batch },
    frozen: ['future'],
  });
  const pipeline = trainingPipelineOf(description);
  const weights = initialWeights(file, description);
  const graph = new TrainingGraph(await InferenceSession.create(file, TRAINING), pipeline);
  const forward = await InferenceSession.create(forwardFile(file, description, weights), FORWARD);
  const ids = whole(model.ids, model.words);
  const feeds = { input_ids: ids, [LABELS]: whole(model.labels, model.classes) };
  let state = startLocally(weights, OPTIMIZER);
  const step = async (): Promise<void> => {
    const { gradient, loss } = await graph.gradient(state.weights, feeds);
    state = localStep(state, OPTIMIZER, gradient, loss, { weights, mu: 0 });
  };
  const pass = (): Promise<unknown> => forward.run({ input_ids: ids });
  await step();
  await pass();
  const gradient = (): Promise<unknown> => graph.gradient(state.weights, feeds);
  const ratios: number[] = [];
  const withStep: number[] = [];
  const steps: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const [stepMs, passMs, gradientMs] = [await timed(step), await timed(pass), await timed(gradient)];
    steps.push(stepMs);
    ratios.push(gradientMs / passMs);
    withStep.push(stepMs / passMs);
  }
  const perSecond = 1_000 / median(steps);
  console.log(`${model.name}: ${weights.length} weights, ${perSecond.toFixed(1)} steps/s`);
  console.log(
    `  median ratio of loss and gradient to the forward pass ${median(ratios).toFixed(2)}, with the optimizer's step ${median(withStep).toFixed(2)}`,
  );
}

const fedavg = { kind: 'fedavg' } as const;
const some = Float32Array.from({ length: weightCount }, () => random() - 0.5);
const [startMs, usedBefore] = [performance.now(), process.cpuUsage()];
const mean = new UpdateMean(weightCount);
// One after the other, as they come from the store: none is kept.
for (let client = 0; client < updates; client++) mean.add({ update: some, weight: 1 + client });
const next = serverStep(fedavg, startServer(fedavg, some), mean.mean);
const ms = performance.now() - startMs;
const { user, system } = process.cpuUsage(usedBefore);
const peakMb = process.resourceUsage().maxRSS / 1024;
console.log(
  `${updates} updates of ${next.weights.length} weights: ${(ms / 1_000).toFixed(2)} s, ${((user + system) / 1e6).toFixed(2)} s of the processor`,
);
console.log(
  `  ${(process.memoryUsage().arrayBuffers / 1e6).toFixed(0)} MB in lists, at most ${peakMb.toFixed(0)} MB of the process`,
);
