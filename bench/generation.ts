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
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
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
import type { OtherReply, OtherRequest } from './otherEngine.ts';
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

const BARE = 'bare batched loop';

interface Ratio {
  readonly wall: number;
  readonly cpu: number;
}

function ratioOf(car: Speed, other: Speed): Ratio {
  return { wall: car.perSecond / other.perSecond, cpu: car.perCpuSecond / other.perCpuSecond };
}

function ratioText({ wall, cpu }: Ratio): string {
  return `car ${wall.toFixed(2)} times by the clock, ${cpu.toFixed(2)} by processor time`;
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

interface Other {
  readonly name: OtherRequest['engine'];
  readonly goal: number;
  readonly child: ChildProcess;
  work(): Promise<number>;
}

/** In a process started as the runner's is: it would else not give way to others as that one does. */
async function openOther(name: OtherRequest['engine'], goal: number, engines: string, model: string): Promise<Other> {
  const child = await forkBare('otherEngine');
  const ask = async (count: number, tokens: number): Promise<number> => {
    const request = { engine: name, engines, model, prompts: prompts.slice(0, count), maxTokens: tokens };
    child.send(request satisfies OtherRequest);
    const [reply]: OtherReply[] = await once(child, 'message');
    if (!reply) throw new Error(`${name} gave no reply.`);
    return reply.tokens;
  };
  await ask(1, 1);
  return { name, goal, child, work: () => ask(ONE_BY_ONE, maxTokens) };
}

await askBare(bareRequest(1));
// Each has answered once before it is measured.
await runner.run(await models.open({ name, version, family, sha256 }, objects), bodies.slice(0, 1));
const others: Other[] = [];
if (values.engines !== undefined) {
  const engines = resolve(values.engines);
  others.push(await openOther('transformers.js', 3, engines, modelFolder));
  if (values.gguf !== undefined) others.push(await openOther('node-llama-cpp', 1, engines, resolve(values.gguf)));
}
const ratios = new Map<string, Ratio[]>();
function noted(name: string, ratio: Ratio): Ratio {
  ratios.set(name, [...(ratios.get(name) ?? []), ratio]);
  return ratio;
}
for (let round = 1; round <= Number(values.rounds); round += 1) {
  const bareSpeed = await measured(
    () => askBare(bareRequest(prompts.length)),
    () => [bare.pid],
  );
  const carSpeed = await measured(
    () => carTokens(round),
    () => [runner.pid],
  );
  console.log(`round ${round}: car ${speedText(carSpeed)}`);
  console.log(`  ${BARE} ${speedText(bareSpeed)}: ${ratioText(noted(BARE, ratioOf(carSpeed, bareSpeed)))}`);
  for (const { name, child, work } of others) {
    const speed = await measured(work, () => [child.pid]);
    console.log(`  ${name} ${speedText(speed)}: ${ratioText(noted(name, ratioOf(carSpeed, speed)))}`);
  }
}
for (const { name, goal } of [{ name: BARE, goal: 0.95 }, ...others]) {
  const of = ratios.get(name) ?? [];
  const medians = { wall: median(of.map(({ wall }) => wall)), cpu: median(of.map(({ cpu }) => cpu)) };
  console.log(`median, ${name}: ${ratioText(medians)}, goal ${goal}`);
}
console.log(`load average ${loadavg()[0]?.toFixed(1)}`);
bare.kill();
for (const { child } of others) child.kill();
await car.close();
await rm(folder, { recursive: true, force: true });
