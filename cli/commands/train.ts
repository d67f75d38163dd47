import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { Command, Option } from 'commander';

import type { TrainingClient } from '../../api/client/trainingClient.ts';
import type { TrainingRunWire } from '../../api/wire/training.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { issueText } from '../../domain/issueText.ts';
import { FINAL_TRAINING_STATES, trainingPlanSchema, type TrainingPlan } from '../../domain/training.ts';
import { LOSSES, type Loss } from '../../training/losses.ts';
import { openApi, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import type { CommandFactory } from '../command.ts';
import { EXIT_CODES, type ExitCode } from '../exitCodes.ts';
import { readYamlObject } from '../files/readYamlObject.ts';
import { wholeNumber } from '../numberOption.ts';

interface CompileOptions {
  readonly loss: Loss;
  readonly output?: string;
  readonly length: Readonly<Record<string, number>>;
  readonly freeze: readonly string[];
  readonly out: string;
  readonly json?: true;
}

interface CommonOptions extends ApiOptions {
  readonly json?: true;
}

interface StartOptions extends CommonOptions {
  readonly model: string;
  readonly data?: string;
  readonly test?: string;
  readonly plan: string;
  readonly name: string;
  readonly watch?: true;
}

const WATCH_EVERY_REAL_MS = 1_000;
const LISTED = 20;
/** The demo is a program of its own, above the command line in the order of imports. */
const DEMO = fileURLToPath(new URL('../../demo/training/main.js', import.meta.url));

/** A terminal sends Ctrl-C to both; the demo must end its servers before this process ends. */
const outlive = (): void => undefined;

const common = (name: string): Command => withApiOptions(new Command(name)).option('--json', 'print JSON');
const gathered = (value: string, before: readonly string[]): readonly string[] => [...before, value];

export const trainCommand: CommandFactory = (terminal, done) => {
  const print = async (run: TrainingRunWire, { json }: CommonOptions): Promise<void> => {
    const { curveText, roundText, runText } = await import('../trainText.ts');
    if (json) return terminal.out(`${JSON.stringify(run, null, 2)}\n`);
    terminal.out(`${runText(run, terminal)}\n`);
    for (const round of run.rounds) if (round.version !== null) terminal.out(`${roundText(round)}\n`);
    if (run.rounds.some(({ test_loss: loss }) => loss !== null)) {
      terminal.out(`${curveText(run.rounds, terminal.liveColumns ?? 80)}\n`);
    }
  };
  const watch = async (id: string, options: CommonOptions): Promise<ExitCode> => {
    const { roundText, runText } = await import('../trainText.ts');
    const trainings = await openTrainings(options);
    let shown = 0;
    let message = '';
    for (;;) {
      const run = await trainings.read(id);
      const isOver = FINAL_TRAINING_STATES.includes(run.state);
      for (const round of run.rounds) {
        if (round.version === null || round.round <= shown) continue;
        shown = round.round;
        terminal.out(`${options.json ? JSON.stringify(round) : roundText(round)}\n`);
      }
      if (run.message !== message && !options.json) terminal.err(`${runText(run, terminal)}\n`);
      ({ message } = run);
      if (isOver) {
        if (!options.json) await print(run, options);
        return run.state === 'completed' ? EXIT_CODES.ok : EXIT_CODES.failed;
      }
      await new Promise((resolve) => setTimeout(resolve, WATCH_EVERY_REAL_MS));
    }
  };
  const act = (action: 'pause' | 'cancel', description: string): Command =>
    common(action)
      .description(description)
      .argument('<run>', 'run id')
      .action(async (id: string, options: CommonOptions) => {
        await print(await (await openTrainings(options)).act(id, action), options);
        done(EXIT_CODES.ok);
      });

  return new Command('train')
    .description('train models on the fleet, in federated rounds')
    .addCommand(
      new Command('compile')
        .description(
          'turn a forward graph and a loss into a graph that also gives gradients; exit code 2 when it cannot',
        )
        .argument('<network>', 'an .onnx file of opset 17 or newer')
        .addOption(new Option('--loss <loss>', 'what is made small').choices([...LOSSES]).makeOptionMandatory())
        .option('--output <name>', 'which output the loss is of, where there are several')
        .option('--length <name=N>', 'length of a dimension that the network leaves open; may be repeated', lengths, {})
        .option('--freeze <prefix>', 'leave weights as they are whose names begin so; may be repeated', gathered, [])
        .requiredOption('--out <file>', 'the training graph; its manifest is written beside it as FILE.json')
        .option('--json', 'print what it takes and gives as JSON')
        .action(async (network: string, options: CompileOptions) => {
          done(await compile(network, options, terminal.out));
        }),
    )
    .addCommand(
      common('start')
        .description('start a run')
        .requiredOption('--model <name>', 'a training model that was added before')
        .option(
          '--data <file>',
          "examples, a JSON object a line: a list of numbers for each input; not with cars' own data",
        )
        .option('--test <file>', 'examples to test with; a tenth of the others unless given')
        .requiredOption('--plan <file>', 'strategy, optimizer, rounds, clients, ...: YAML or JSON (docs/training.md)')
        .option('--name <name>', 'what to call the run', 'training')
        .option('--watch', 'follow it to its end')
        .action(async (options: StartOptions) => {
          const plan = await readPlan(options.plan);
          const trainings = await openTrainings(options);
          const { BatchClient } = await import('../../api/client/batchClient.ts');
          const files = new BatchClient(await openApi(options));
          const run = await trainings.start({
            name: options.name,
            model: options.model,
            ...(options.data !== undefined && { train_file_id: await files.upload(options.data) }),
            ...(options.test !== undefined && { test_file_id: await files.upload(options.test) }),
            plan,
          });
          if (options.watch) return done(await watch(run.id, options));
          await print(run, options);
          done(EXIT_CODES.ok);
        }),
    )
    .addCommand(
      common('list')
        .description('list the newest runs')
        .option('--limit <n>', 'at most so many', wholeNumber(1, 100), LISTED)
        .action(async (options: CommonOptions & { readonly limit: number }) => {
          const runs = await (await openTrainings(options)).list(options.limit);
          const { runText } = await import('../trainText.ts');
          if (options.json) terminal.out(`${JSON.stringify(runs, null, 2)}\n`);
          else for (const run of runs) terminal.out(`${runText(run, terminal)}\n`);
          done(EXIT_CODES.ok);
        }),
    )
    .addCommand(
      common('show')
        .description('show the rounds of a run and its losses')
        .argument('<run>', 'run id')
        .action(async (id: string, options: CommonOptions) => {
          await print(await (await openTrainings(options)).read(id), options);
          done(EXIT_CODES.ok);
        }),
    )
    .addCommand(
      common('watch')
        .description('follow a run to its end; exit code 1 when it does not complete')
        .argument('<run>', 'run id')
        .action(async (id: string, options: CommonOptions) => done(await watch(id, options))),
    )
    .addCommand(act('pause', 'hold a run back; cars keep the steps that they have taken'))
    .addCommand(
      common('resume')
        .description('let a paused run go on, or an ended one from any of its weights')
        .argument('<run>', 'run id')
        .option('--from-version <n>', 'weights to go on from; rounds after them are taken back', wholeNumber(0, 1e6))
        .action(async (id: string, options: CommonOptions & { readonly fromVersion?: number }) => {
          const body = options.fromVersion === undefined ? {} : { from_version: options.fromVersion };
          await print(await (await openTrainings(options)).act(id, 'resume', body), options);
          done(EXIT_CODES.ok);
        }),
    )
    .addCommand(act('cancel', 'end a run with the weights that it has'))
    .addCommand(
      common('export')
        .description('write the forward graph with the trained weights as an .onnx file')
        .argument('<run>', 'run id')
        .requiredOption('--out <file>', 'the file')
        .option('--weights-version <n>', 'the newest unless given', wholeNumber(0, 1e6))
        .action(
          async (id: string, options: CommonOptions & { readonly out: string; readonly weightsVersion?: number }) => {
            const file = await (await openTrainings(options)).exported(id, options.weightsVersion);
            await writeFile(options.out, file);
            terminal.err(`${options.out}: ${file.byteLength} bytes\n`);
            done(EXIT_CODES.ok);
          },
        ),
    )
    .addCommand(
      common('publish')
        .description('add what was trained to the models that answer requests')
        .argument('<run>', 'run id')
        .requiredOption('--name <name>', 'name that requests call it by')
        .option('--model-version <version>', 'version; the first digits of its hash unless given')
        .option('--weights-version <n>', 'the newest unless given', wholeNumber(0, 1e6))
        .action(async (id: string, options: PublishOptions) => {
          const { name, modelVersion: version, weightsVersion } = options;
          const model = await (
            await openTrainings(options)
          ).publish(id, {
            name,
            ...(version !== undefined && { version }),
            ...(weightsVersion !== undefined && { weights_version: weightsVersion }),
          });
          terminal.out(options.json ? `${JSON.stringify(model, null, 2)}\n` : `${name} answers requests\n`);
          done(EXIT_CODES.ok);
        }),
    )
    .addCommand(
      new Command('demo')
        .description('train a classifier and a language model on simulated cars (train demo --help: its options)')
        .argument('[options...]')
        .helpOption(false)
        .allowUnknownOption()
        .action(async (options: string[]) => {
          const demo = spawn(process.execPath, [DEMO, ...options], {
            stdio: 'inherit',
            env: { ...process.env, TZ: 'UTC' },
          });
          const forward = (): boolean => demo.kill('SIGTERM');
          process.on('SIGINT', outlive).on('SIGTERM', forward);
          try {
            await once(demo, 'exit');
            done(demo.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.failed);
          } finally {
            process.off('SIGINT', outlive).off('SIGTERM', forward);
          }
        }),
    );
};

interface PublishOptions extends CommonOptions {
  readonly name: string;
  readonly modelVersion?: string;
  readonly weightsVersion?: number;
}

async function openTrainings(options: ApiOptions): Promise<TrainingClient> {
  const { TrainingClient } = await import('../../api/client/trainingClient.ts');
  return new TrainingClient(await openApi(options));
}

async function compile(
  network: string,
  { loss, output, length, freeze, out, json }: CompileOptions,
  print: (text: string) => void,
): Promise<ExitCode> {
  const { compileTraining } = await import('../../inference/training/compileTraining.ts');
  const { trainingPipelineOf } = await import('../../inference/training/trainingManifest.ts');
  const { TrainingRefusal } = await import('../../training/refusal.ts');
  const bytes = await readFile(network).catch((cause: unknown) => {
    throw new NightshiftError('not_found', `${network} cannot be read.`, { field: network, cause });
  });
  try {
    const asked = { loss, lengths: length, frozen: freeze, ...(output !== undefined && { output }) };
    const { file, description } = await compileTraining(bytes, asked);
    const pipeline = trainingPipelineOf(description);
    await writeFile(out, file);
    await writeFile(`${out}.json`, `${JSON.stringify({ pipeline }, null, 2)}\n`);
    const count = description.weights.reduce((sum, { shape }) => sum + shape.reduce((all, each) => all * each, 1), 0);
    const inputs = description.inputs.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join(', ');
    const text = `${out}: ${count} weights in ${description.weights.length} tensors; a step takes ${inputs}\n`;
    print(json ? `${JSON.stringify(pipeline, null, 2)}\n` : text);
    return EXIT_CODES.ok;
  } catch (error) {
    if (error instanceof TrainingRefusal)
      throw new NightshiftError('invalid_request', error.message, { field: network });
    throw error;
  }
}

function lengths(text: string, before: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const [name = '', number = ''] = text.split('=');
  return { ...before, [name]: wholeNumber(1, 1_000_000)(number) };
}

async function readPlan(file: string): Promise<TrainingPlan> {
  const parsed = trainingPlanSchema.safeParse(await readYamlObject(file));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.') ?? '';
  throw new NightshiftError('invalid_request', `${file}: ${field}: ${issueText(issue)}.`, { field });
}
