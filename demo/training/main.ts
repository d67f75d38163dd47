import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { Command } from 'commander';
import { z } from 'zod';

import { MINUTE_MS } from '../../domain/durations.ts';
import { ApiClient } from '../../api/client/apiClient.ts';
import { TrainingClient } from '../../api/client/trainingClient.ts';
import type { TrainingRunWire } from '../../api/wire/training.ts';
import { wholeNumber } from '../../cli/numberOption.ts';
import { roundText } from '../../cli/trainText.ts';
import type { TrainingPipeline } from '../../domain/models.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { messageOf } from '../../domain/thrown.ts';
import { FINAL_TRAINING_STATES } from '../../domain/training.ts';
import { compileTraining } from '../../inference/training/compileTraining.ts';
import { trainingPipelineOf } from '../../inference/training/trainingManifest.ts';
import { Runner } from '../../inference/runner/runner.ts';
import { initialWeights } from '../../training/compile.ts';
import { openDatabase } from '../../store/database.ts';
import { loadConfig } from '../../config/config.ts';
import { childEnvironment, localProcesses, startPlatform } from '../../worker/local/platform.ts';
import { listenForStopSignals } from '../../worker/local/supervisor/stopSignals.ts';
import { appliedCell } from '../../worker/process/appliedCell.ts';
import { apiKeyOf } from '../../worker/process/apiKey.ts';
import { fleetProcess } from '../fleet/fleetProcess.ts';
import { keepSignals } from '../keepSignals.ts';
import { loadNight } from '../night/night.ts';
import { currentNight } from '../nightState.ts';
import { prepareNight, signalFolder } from '../prepareNight.ts';
import { guessed, trainCentrally, type CentralPoint } from './centralTraining.ts';
import { drawCurves } from './curvePicture.ts';
import { reportText, type FinishedRun } from './trainingReport.ts';
import { PUBLISHED_MODEL, rollOutTrained, type RolledOut } from './rollOutTrained.ts';
import { trainingNight } from './trainingNight.ts';
import { demoModels, demoRuns, type DemoModel, type DemoRun, type DemoSize } from './trainings.ts';

/** Six minutes of real time: a busy computer is slower than the cars are. */
const ROUND_MINUTES = 6 * 60;
const LOOK_EVERY_REAL_MS = 1_000;
const PATIENCE_REAL_MS = 10 * MINUTE_MS;
const idSchema = z.object({ id: z.string() });

const size = readOptions(process.argv.slice(2));
const signals = listenForStopSignals();
try {
  process.exitCode = await main();
} catch (error) {
  process.exitCode = 1;
  if (!signals.stop.aborted) say(messageOf(error));
} finally {
  signals.close();
}

function readOptions(argv: readonly string[]): DemoSize & { readonly out: string } {
  return new Command('train demo')
    .description('Trains a classifier of glosses and a language model on simulated cars, and the same in one place.')
    .option('--examples <n>', 'glosses of WordNet', wholeNumber(500, 117_000), 16_000)
    .option('--rounds <n>', 'rounds of each run', wholeNumber(1, 100), 6)
    .option('--steps <n>', 'steps of a client in a round', wholeNumber(1, 1_000), 100)
    .option('--clients <n>', 'parts of the data', wholeNumber(2, 100), 8)
    .option('--out <folder>', 'where figures and picture go', 'training-demo')
    .parse(argv, { from: 'user' })
    .opts<DemoSize & { out: string }>();
}

async function main(): Promise<number> {
  // A state folder of its own: the night of `npm start` stays as it is.
  const stateDir = join(loadConfig({ env: process.env, cwd: process.cwd() }).stateDir, 'training-demo');
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const nightFile = join(stateDir, 'night.json');
  await writeFile(nightFile, JSON.stringify(trainingNight()));
  const night = await loadNight(nightFile);
  const { incarnation } = await currentNight(stateDir, 0, Date.now(), async () => ({ scale: night.scale }));
  const prepared = await prepareNight(stateDir, night, incarnation, undefined, () => {});
  const env = {
    ...process.env,
    NIGHTSHIFT_STATE_DIR: stateDir,
    NIGHTSHIFT_NIGHT_FILE: nightFile,
    NIGHTSHIFT_CELL_FILE: prepared.cellFile,
    // A minute of a core, for a model that nobody asks.
    NIGHTSHIFT_MODELS_EMBEDDING: 'none',
  };
  Object.assign(process.env, env);
  const config = loadConfig({ env, cwd: process.cwd() });
  const models = await demoModels(size);
  say(`Two models on ${size.examples} glosses, ${size.clients} clients, ${size.rounds} rounds of ${size.steps} steps.`);
  const platform = await startPlatform(config, {
    processes: [...localProcesses(config), fleetProcess(config)],
    onStatus: ({ name, state, detail }) => {
      if (state === 'restarting') say(`${name} died (${detail ?? 'no reason'}) and is started again.`);
    },
    onOrphan: ({ name, pid }) => say(`Stopped ${name} (process ${pid}), left over from a killed start.`),
    stop: signals.stop,
    force: signals.force,
  });
  const { DATABASE_URL: databaseUrl = '' } = childEnvironment(config);
  const database = openDatabase({ url: databaseUrl, maxConnections: 2 });
  let endSignals: (() => void) | undefined;
  try {
    const cell = await appliedCell(database, night.scenario, incarnation);
    endSignals = keepSignals(night, cell.clock, signalFolder(stateDir), (error) => say(String(error)));
    const api = new ApiClient(`http://${config.api.host}:${config.api.port}`, apiKeyOf(config));
    say(`API http://${config.api.host}:${config.api.port}, key ${apiKeyOf(config)}, state ${stateDir}`);
    const finished = await trainAll(api, demoRuns(models), stateDir);
    const [even] = finished;
    await report(finished);
    if (even && even.run.state === 'completed') {
      const version = incarnationVersion(incarnation);
      const of = { version, test: models.classifier.test, stateDir, signal: signals.stop };
      tellRollout(await rollOutTrained(api, even.run, of));
    }
    return finished.every(({ run }) => run.state === 'completed') ? 0 : 1;
  } finally {
    endSignals?.();
    await database.close();
    await platform.stop();
  }
}

function incarnationVersion(incarnation: string): string {
  return incarnation.toLowerCase().replaceAll(/[^0-9a-z]/g, '');
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** All runs beside each other on one fleet, as tenants' work is; and in one place, for the comparison. */
async function trainAll(api: ApiClient, runs: readonly DemoRun[], stateDir: string): Promise<FinishedRun[]> {
  const compiled = new Map<DemoModel, Awaited<ReturnType<typeof addModel>>>();
  for (const { model } of runs) if (!compiled.has(model)) compiled.set(model, await addModel(api, model, stateDir));
  const started = [];
  for (const run of runs) started.push({ ...run, id: await start(api, run) });
  const central = new Map<DemoModel, CentralPoint[]>();
  for (const [model, { loaded, weights }] of compiled) {
    // Beside a whole fleet on one computer it gets little of the processor.
    const runner = new Runner({ loadLimitMs: PATIENCE_REAL_MS, callLimitMs: PATIENCE_REAL_MS });
    try {
      const { optimizer, train, test } = model;
      const given = { optimizer, rounds: size.rounds, stepsPerRound: size.steps, train, test, signal: signals.stop };
      central.set(model, await trainCentrally(runner, loaded, weights, given));
    } finally {
      await runner.stop();
    }
  }
  const finished: FinishedRun[] = [];
  for (const { id, name, model } of started) {
    const run = await ended(api, id, name);
    finished.push({ name, model: model.name, run, central: central.get(model) ?? [], guessed: guessed(model.test) });
  }
  return finished;
}

async function addModel(api: ApiClient, model: DemoModel, stateDir: string) {
  const { file, description } = await compileTraining(model.network, {
    loss: 'softmax-cross-entropy',
    lengths: { batch: model.perStep },
    frozen: model.frozen,
  });
  const pipeline: TrainingPipeline = trainingPipelineOf(description);
  const form = new FormData();
  form.append('manifest', JSON.stringify({ name: model.name, pipeline }));
  form.append('file', new Blob([new Uint8Array(file)]), `${model.name}.onnx`);
  await api.call('/v1/models', { method: 'POST', body: form });
  const modelPath = join(stateDir, `${model.name}.onnx`);
  await writeFile(modelPath, file);
  const loaded = { name: model.name, version: 'central', sha256: model.name, modelPath, assetPaths: {}, pipeline };
  return { loaded, weights: initialWeights(file, description) };
}

async function start(api: ApiClient, { name, model, strategy, partition }: DemoRun): Promise<string> {
  const upload = async (text: string, filename: string): Promise<string> => {
    const form = new FormData();
    form.append('purpose', 'batch');
    form.append('file', new Blob([text]), filename);
    return idSchema.parse(await (await api.call('/v1/files', { method: 'POST', body: form })).json()).id;
  };
  const { id } = await new TrainingClient(api).start({
    name: `${model.name}, ${name}`,
    model: model.name,
    train_file_id: await upload(model.train, 'train.jsonl'),
    test_file_id: await upload(model.test, 'test.jsonl'),
    plan: {
      strategy,
      partition,
      optimizer: model.optimizer,
      rounds: size.rounds,
      local_steps: size.steps,
      clients: size.clients,
      round_minutes: ROUND_MINUTES,
    },
  });
  return id;
}

async function ended(api: ApiClient, id: string, name: string): Promise<TrainingRunWire> {
  let shown = 0;
  for (;;) {
    // A process of the stack that dies is started again; the run goes on.
    const run = await new TrainingClient(api).read(id).catch((error: unknown) => {
      if (error instanceof NightshiftError && error.retryable && !signals.stop.aborted) return undefined;
      throw error;
    });
    if (!run) {
      await sleep(LOOK_EVERY_REAL_MS, undefined, { signal: signals.stop });
      continue;
    }
    for (const round of run.rounds) {
      if (round.version === null || round.round <= shown) continue;
      shown = round.round;
      say(`${name.padEnd(14)} ${roundText(round)}`);
    }
    if (FINAL_TRAINING_STATES.includes(run.state)) return run;
    await sleep(LOOK_EVERY_REAL_MS, undefined, { signal: signals.stop });
  }
}

function tellRollout({ rollout, answered, right, asked }: RolledOut): void {
  const { version, outcome, text } = rollout;
  process.stdout.write(`${PUBLISHED_MODEL} ${version}: ${outcome}. ${text}\n`);
  process.stdout.write(`It answers ${answered} of ${asked} requests, ${right} of them right.\n`);
}

function percent(value: number): string {
  return `${(100 * value).toFixed(0)} %`;
}

async function report(finished: readonly FinishedRun[]): Promise<void> {
  await mkdir(size.out, { recursive: true });
  const panelOf = (model: string) => {
    const of = finished.filter((each) => each.model === model);
    return { of, central: of[0]?.central ?? [] };
  };
  const accuracies = panelOf('gloss-classifier');
  const losses = panelOf('gloss-language');
  const picture = drawCurves([
    {
      title: 'Glosses put into the right lexicographer file, of those that were held back',
      text: percent,
      curves: [
        { name: 'in one place', values: accuracies.central.map(({ accuracy }) => accuracy) },
        ...accuracies.of.map(({ name, run }) => ({
          name,
          values: run.rounds.map(({ test_accuracy: accuracy }) => accuracy ?? 0),
        })),
      ],
    },
    {
      title: 'Loss of the language model on glosses that were held back',
      text: (value) => value.toFixed(2),
      curves: [
        { name: 'in one place', values: losses.central.map(({ loss }) => loss) },
        ...losses.of.map(({ name, run }) => ({
          name,
          values: run.rounds.flatMap(({ test_loss: loss }) => loss ?? []),
        })),
      ],
    },
  ]);
  await writeFile(join(size.out, 'curves.svg'), picture);
  await writeFile(join(size.out, 'figures.json'), `${JSON.stringify(finished, null, 2)}\n`);
  process.stdout.write(`${reportText(finished)}\n`);
  process.stdout.write(`Figures and picture: ${size.out}\n`);
}
