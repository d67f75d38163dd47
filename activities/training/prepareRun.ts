import { linesOf } from '../../domain/batchInput.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { modelManifestSchema, type TrainingPipeline } from '../../domain/models.ts';
import { objectKeys } from '../../domain/names.ts';
import { readFile } from '../../store/files.ts';
import { readModel } from '../../store/models.ts';
import { readTrainingRun, type TrainingRun } from '../../store/trainingRuns.ts';
import { initialWeights } from '../../training/compile.ts';
import { partitionExamples } from '../../training/partition.ts';
import { seededRandom } from '../../domain/random.ts';
import { shuffled } from '../../training/random.ts';
import { startServer } from '../../training/strategies/serverStep.ts';
import { writeCheckpoint } from './checkpoints.ts';
import {
  BadExample,
  classesOf,
  dataOf,
  readExampleFile,
  storedText,
  type ExampleSet,
} from '../../training/examples.ts';
import type { TrainingPorts } from './trainingPorts.ts';

/** Of the examples, where no file to test with was given. */
const HELD_OUT = 0.1;

/** The run, its pinned model and how that is trained. @throws Error when either is gone */
export async function runAndModel({ database }: Pick<TrainingPorts, 'database'>, runId: string) {
  const run = await readTrainingRun(database, runId);
  if (!run) throw new Error(`the run ${runId} is not stored`);
  const model = await readModel(database, run.tenantId, run.modelName, run.modelVersion);
  const pipeline = modelManifestSchema.safeParse(model?.manifest).data?.pipeline;
  if (!model || pipeline?.kind !== 'training') {
    throw new NightshiftError('not_found', `There is no training model ${run.modelName} ${run.modelVersion}.`);
  }
  return { run, model, pipeline };
}

/**
 * Reads model and data, and stores what rounds are made of: the examples by client, and the weights that the run begins
 * with. Running it again stores the same.
 * @returns why it cannot be trained, or undefined
 */
export async function prepareRun(ports: TrainingPorts, runId: string): Promise<string | undefined> {
  const { objects } = ports;
  try {
    const { run, model, pipeline } = await runAndModel(ports, runId);
    const { plan } = run;
    const tested = await (plan.data.kind === 'own' ? testedOf(ports, run, pipeline) : shareOut(ports, run, pipeline));
    await objects.put(objectKeys.trainingData(runId, 'test'), storedText(tested, null));
    const weights = initialWeights(await objects.get(objectKeys.model(model.sha256)), pipeline);
    await writeCheckpoint(objects, runId, 0, startServer(plan.strategy, weights));
    return undefined;
  } catch (error) {
    const isFinal = error instanceof BadExample || (error instanceof NightshiftError && !error.retryable);
    if (isFinal) return error.message;
    throw error;
  }
}

/** What weights are tested with that cars make of data which nobody else sees. */
async function testedOf(ports: TrainingPorts, run: TrainingRun, pipeline: TrainingPipeline): Promise<ExampleSet> {
  if (run.testFileId === null) throw new BadExample('Training on own data needs a file of examples to test with.');
  return examplesOf(ports, run, pipeline, run.testFileId);
}

/** Stores the tenant's examples by client. @returns those that are held back to test with */
async function shareOut(ports: TrainingPorts, run: TrainingRun, pipeline: TrainingPipeline): Promise<ExampleSet> {
  const { plan } = run;
  if (run.trainFileId === null) throw new BadExample('The run has no file of examples.');
  const train = await examplesOf(ports, run, pipeline, run.trainFileId);
  const { shown, tested } = await splitExamples(ports, run, pipeline, train);
  const clients = partitionExamples(plan.partition, plan.clients, classesOf(shown), plan.seed);
  await ports.objects.put(objectKeys.trainingData(run.id, 'train'), storedText(shown, clients));
  return tested;
}

async function splitExamples(
  ports: TrainingPorts,
  run: TrainingRun,
  pipeline: TrainingPipeline,
  train: ExampleSet,
): Promise<{ shown: ExampleSet; tested: ExampleSet }> {
  if (run.testFileId !== null) {
    return { shown: train, tested: await examplesOf(ports, run, pipeline, run.testFileId) };
  }
  const order = [...shuffled(train.count, seededRandom(run.plan.seed))];
  const held = Math.ceil(train.count * HELD_OUT);
  if (held === train.count) throw new BadExample('One example is too few: some are held back to test with.');
  return { shown: chosen(train, order.slice(held)), tested: chosen(train, order.slice(0, held)) };
}

function chosen(set: ExampleSet, examples: readonly number[]): ExampleSet {
  const { inputs } = dataOf(set, examples);
  const columns = [...set.columns].map(([name, column]) => {
    const bytes = Buffer.from(inputs[name] ?? '', 'base64');
    const own = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    return [name, column instanceof Float32Array ? new Float32Array(own) : new Int32Array(own)] as const;
  });
  return { count: examples.length, columns: new Map(columns) };
}

async function examplesOf(
  { database, objects }: TrainingPorts,
  { tenantId }: TrainingRun,
  pipeline: TrainingPipeline,
  fileId: string,
): Promise<ExampleSet> {
  const file = await readFile(database, fileId);
  if (file?.tenantId !== tenantId) throw new BadExample(`There is no file "${fileId}".`);
  return readExampleFile(linesOf(await objects.getStream(file.objectKey)), pipeline);
}
