/**
 * Tokens/s of a batch of chats end to end on the car's path, from the activity to the stored parts, against the bare
 * batched loop over the same network and prompts (goal 0.95), and, where they are installed, against transformers.js
 * one by one (goal 3) and node-llama-cpp one by one (goal 1). One thread each, in turn, greedy. On a machine that is
 * busy with other work, the ratios by processor time are the ones to read.
 *
 *     npm run bench:generation -- --model FOLDER [--network onnx/model_q4.onnx] [--prompts 64] [--tokens 64] [--rounds 1]
 *
 * The other engines are not dependencies of ours, being large: `--engines FOLDER` names a folder in which
 * `npm install @huggingface/transformers node-llama-cpp` was run; `--gguf FILE` has the same weights for llama.cpp.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { loadavg, tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

import { z } from 'zod';

import type { ModelManifest } from '../domain/models.ts';
import { objectKeys } from '../domain/names.ts';
import type { RunShardInput } from '../domain/shards.ts';
import { openChatTemplate } from '../inference/generation/chatTemplate.ts';
import { ENGINE_LIMITS } from '../inference/generation/engine.ts';
import { readLanguageModelFiles } from '../inference/generation/modelFiles.ts';
import { folderSha256 } from '../inference/models/folderSha256.ts';
import { createFileStore } from '../store/objects/fileStore.ts';
import type { BareReply, BareRequest } from './bareGeneration.ts';
import { median } from './median.ts';
import { forkBare, openBenchCar } from './support/benchCar.ts';
import { cpuSecondsOf } from './support/cpuSeconds.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    network: { type: 'string', default: 'onnx/model_q4.onnx' },
    prompts: { type: 'string', default: '64' },
    tokens: { type: 'string', default: '64' },
    rounds: { type: 'string', default: '1' },
    engines: { type: 'string' },
    gguf: { type: 'string' },
  },
});
if (values.model === undefined) throw new Error('Name the folder of a chat model: --model FOLDER.');
const modelFolder = resolve(values.model);
const maxTokens = Number(values.tokens);
const TOPICS = [
  'a parked car',
  'the wind at night',
  'how tea is made',
  'a lighthouse',
  'prime numbers',
  'the sea',
  'bread',
  'a clock',
];
const questions = Array.from(
  { length: Number(values.prompts) },
  (_, index) =>
    `Write ${2 + (index % 5)} sentences about ${TOPICS[index % TOPICS.length]}, and mention the number ${index}.`,
);

const folder = await mkdtemp(join(tmpdir(), 'nightshift-bench-generation-'));
const objects = createFileStore(join(folder, 'objects'));
const names = await readdir(modelFolder, { recursive: true });
const paths = names.filter((path) => /^[^/]+\.(json|jinja)$/.test(path) || path.startsWith(values.network));
const files = await Promise.all(
  paths.map(async (path) => {
    const bytes = await readFile(join(modelFolder, path));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await objects.put(objectKeys.modelFile(sha256), bytes);
    return { path, sha256, sizeBytes: bytes.length };
  }),
);
const language = await readLanguageModelFiles((path) =>
  readFile(join(modelFolder, path), 'utf8').catch(() => undefined),
);
const manifest: ModelManifest = {
  name: 'bench',
  version: '1',
  family: 'general',
  sha256: folderSha256(files),
  sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  requestUrl: '/v1/chat/completions',
  pipeline: {
    kind: 'text-generation',
    layout: paths.includes('genai_config.json') ? 'onnxruntime-genai' : 'huggingface',
    contextTokens: language.contextTokens,
    chat: true,
    batchInvariant: true,
  },
  folder: { networkPath: values.network, files },
};
await objects.put(objectKeys.modelManifest('bench', '1'), JSON.stringify(manifest));
const { name, version, family, sha256 } = manifest;
const inputKey = objectKeys.shardInput('bench', 0);
const bodies = questions.map((content) => ({
  model: 'bench',
  messages: [{ role: 'user' as const, content }],
  max_completion_tokens: maxTokens,
  temperature: 0,
}));
const lines = bodies.map((body, index) =>
  JSON.stringify({ custom_id: String(index), method: 'POST', url: manifest.requestUrl, body }),
);
await objects.put(inputKey, `${lines.join('\n')}\n`);

const template = openChatTemplate(language.chatTemplate ?? '', language.specialTokens);
const prompts = bodies.map((body) => template.render({ messages: body.messages }, 0));

const { runner, models, ...car } = openBenchCar(folder, objects);
const answerSchema = z.object({
  response: z.object({ body: z.object({ usage: z.object({ completion_tokens: z.number() }) }) }),
});

interface Speed {
  readonly perSecond: number;
  readonly perCpuSecond: number;
}

/** @param work gives the tokens that it wrote @param pids whose processor time it takes, this process's included */
async function measured(work: () => Promise<number>, pids: () => readonly (number | undefined)[]): Promise<Speed> {
  const cpuSeconds = async (): Promise<number> => {
    const each = await Promise.all([process.pid, ...pids()].map(cpuSecondsOf));
    return each.reduce((sum, seconds) => sum + seconds, 0);
  };
  const startCpuSeconds = await cpuSeconds();
  const startMs = performance.now();
  const tokens = await work();
  const seconds = (performance.now() - startMs) / 1_000;
  return { perSecond: tokens / seconds, perCpuSecond: tokens / ((await cpuSeconds()) - startCpuSeconds) };
}

function speedText({ perSecond, perCpuSecond }: Speed): string {
  return `${perSecond.toFixed(1)} tokens/s, ${perCpuSecond.toFixed(1)} a processor second`;
}

function ratioText(car: Speed, other: Speed, goal: number): string {
  const ratio = (car.perSecond / other.perSecond).toFixed(2);
  return `car ${ratio} times, by processor time ${(car.perCpuSecond / other.perCpuSecond).toFixed(2)} (goal ${goal})`;
}

async function carTokens(round: number): Promise<number> {
  const shard: RunShardInput = {
    jobId: `bench-${round}`,
    shard: 0,
    model: { name, version, family, sha256 },
    inputKey,
    lines: lines.length,
    linesPerPart: 8,
    deadlineMs: Number.MAX_SAFE_INTEGER,
  };
  await car.run(shard);
  let tokens = 0;
  for (const key of await objects.list(objectKeys.partPrefix(shard.jobId, 0))) {
    for (const line of (await objects.get(key)).toString('utf8').trimEnd().split('\n')) {
      tokens += answerSchema.parse(JSON.parse(line)).response.body.usage.completion_tokens;
    }
  }
  return tokens;
}

const bare = await forkBare('bareGeneration');
const bareRequest = (count: number): BareRequest => ({
  networkPath: join(modelFolder, values.network),
  prompts: prompts.slice(0, count).map((text) => language.vocabulary.encode(text, { addSpecialTokens: false })),
  maxTokens,
  endTokens: [...language.endTokens],
  rows: ENGINE_LIMITS.rows,
});
async function askBare(request: BareRequest): Promise<number> {
  bare.send(request);
  const [reply]: BareReply[] = await once(bare, 'message');
  if (!reply) throw new Error('The bare loop gave no reply.');
  return reply.tokens;
}

/** Prompts that an engine that works one by one is measured with: a share of them tells its speed. */
const ONE_BY_ONE = 4;

/** Another engine, from the folder in which it was installed. */
// oxlint-disable-next-line typescript/no-explicit-any
async function loadFrom(engines: string, packageName: string): Promise<any> {
  return await import(pathToFileURL(createRequire(join(engines, 'package.json')).resolve(packageName)).href);
}

async function openTransformers(engines: string): Promise<() => Promise<number>> {
  const { env, AutoTokenizer, AutoModelForCausalLM } = await loadFrom(engines, '@huggingface/transformers');
  env.allowRemoteModels = false;
  env.localModelPath = dirname(modelFolder);
  const id = basename(modelFolder);
  const tokenizer = await AutoTokenizer.from_pretrained(id);
  const session_options = { intraOpNumThreads: 1, interOpNumThreads: 1 };
  const model = await AutoModelForCausalLM.from_pretrained(id, { dtype: 'q4', session_options });
  return async () => {
    let tokens = 0;
    for (const prompt of prompts.slice(0, ONE_BY_ONE)) {
      const inputs = tokenizer(prompt, { add_special_tokens: false });
      const output = await model.generate({ ...inputs, max_new_tokens: maxTokens, do_sample: false });
      tokens += output.dims.at(-1) - inputs.input_ids.dims.at(-1);
    }
    return tokens;
  };
}

async function openLlama(engines: string, gguf: string): Promise<() => Promise<number>> {
  const { getLlama } = await loadFrom(engines, 'node-llama-cpp');
  const llama = await getLlama({ gpu: false, maxThreads: 1 });
  const model = await llama.loadModel({ modelPath: resolve(gguf) });
  const context = await model.createContext({ contextSize: 1_024, threads: 1 });
  const sequence = context.getSequence();
  return async () => {
    let tokens = 0;
    for (const prompt of prompts.slice(0, ONE_BY_ONE)) {
      await sequence.clearHistory();
      let count = 0;
      for await (const _ of sequence.evaluate(model.tokenize(prompt, true), { temperature: 0 })) {
        count += 1;
        if (count >= maxTokens) break;
      }
      tokens += count;
    }
    return tokens;
  };
}

await askBare(bareRequest(1));
await runner.load(await models.open({ name, version, family, sha256 }, objects));
const others =
  values.engines === undefined
    ? []
    : [
        { name: 'transformers.js', goal: 3, work: await openTransformers(resolve(values.engines)) },
        ...(values.gguf === undefined
          ? []
          : [{ name: 'node-llama-cpp', goal: 1, work: await openLlama(resolve(values.engines), values.gguf) }]),
      ];
const ratios: number[] = [];
for (let round = 1; round <= Number(values.rounds); round += 1) {
  const bareSpeed = await measured(
    () => askBare(bareRequest(prompts.length)),
    () => [bare.pid],
  );
  const carSpeed = await measured(
    () => carTokens(round),
    () => [runner.pid],
  );
  ratios.push(carSpeed.perCpuSecond / bareSpeed.perCpuSecond);
  console.log(`round ${round}: car ${speedText(carSpeed)}`);
  console.log(`  bare batched loop ${speedText(bareSpeed)}: ${ratioText(carSpeed, bareSpeed, 0.95)}`);
  for (const { name, goal, work } of others) {
    const speed = await measured(work, () => []);
    console.log(`  ${name} ${speedText(speed)}: ${ratioText(carSpeed, speed, goal)}`);
  }
}
console.log(
  `median ratio to the bare loop ${median(ratios).toFixed(2)} by processor time; load average ${loadavg()[0]?.toFixed(1)}`,
);
bare.kill();
await car.close();
await rm(folder, { recursive: true, force: true });
