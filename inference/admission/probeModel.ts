import { isDeepStrictEqual } from 'node:util';
import { readFile } from 'node:fs/promises';

import { deflateSync } from 'node:zlib';

import { z } from 'zod';

import { reasonOf } from '../runner/openInference.ts';
import type { LoadedModel } from '../runner/protocol.ts';
import { ENGINE_LIMITS } from '../generation/engine.ts';
import { Runner } from '../runner/runner.ts';
import type { Pipeline, TensorSpec, TrainingPipeline } from '../../domain/models.ts';
import type { MeasuredNoise } from '../../domain/trust/tolerance.ts';
import { workUnitsOf } from '../../domain/workUnits.ts';
import { measureNoise } from './measureNoise.ts';
import { refused } from './refused.ts';
import { messageOf } from '../../domain/thrown.ts';

const PROBE_LIMITS = { callLimitMs: 30_000, processesPerCall: 1 } as const;
const MIN_MEMORY_BYTES = 2 * 1024 ** 3;
/** The runtime holds weights once as read and once as packed for its kernels, for a while. */
const MEMORY_PER_MODEL_BYTE = 3;
const TIMED_RUNS = 5;
const errorBodySchema = z.object({ error: z.object({ message: z.string() }) });
const bodySchema = z.record(z.string(), z.unknown()).catch({});

export interface ProbedModel {
  readonly msPerSample: number;
  /** Units of work of the sample (domain/workUnits.ts). */
  readonly unitsPerSample: number;
  /** Most memory that its process had, MiB; undefined where the system does not tell. */
  readonly peakMemoryMb: number | undefined;
  /** What a car has to have for it, MiB: of a model that generates, with the keys and values of a full batch. */
  readonly neededMemoryMb: number | undefined;
  /** Of a model that generates, one request alone: tokens read and tokens written in a second. */
  readonly tokensPerSecond: { readonly prefill: number; readonly decode: number } | undefined;
  /** How far its answers were apart on other settings of the runtime. */
  readonly noise: MeasuredNoise;
}

/**
 * Runs the model on one sample in a process under limits: it must load, answer, answer the same again, and stay within
 * time and memory.
 * @throws NightshiftError `model_refused`
 */
export async function probeModel(model: LoadedModel, sample: unknown, sizeBytes: number): Promise<ProbedModel> {
  const limits = {
    ...PROBE_LIMITS,
    memoryLimitBytes: MIN_MEMORY_BYTES + MEMORY_PER_MODEL_BYTE * sizeBytes,
  };
  const runner = new Runner(limits);
  try {
    const body = sample ?? sampleBody(model.pipeline);
    const answers = await runner.run(model, [body, body]).catch((error: unknown) => {
      throw refused(whyItDoesNotRun(error));
    });
    const [first, second] = answers;
    if (first?.statusCode !== 200) throw refused(`it does not answer its sample: ${refusalIn(first?.body)}`);
    if (!isDeepStrictEqual(first, second)) throw refused('it answers the same sample in two ways');
    const startMs = performance.now();
    await runner
      .run(
        model,
        Array.from({ length: TIMED_RUNS }, () => body),
      )
      .catch(() => {
        throw refused('it does not keep to its limits');
      });
    const msPerSample = (performance.now() - startMs) / TIMED_RUNS;
    const unitsPerSample = workUnitsOf(model.pipeline.kind, bodySchema.parse(body));
    const tokensPerSecond = await tokensPerSecondOf(runner, model);
    const peakMb = await peakMemoryMb(runner.pid);
    const cacheMb = model.pipeline.kind === 'text-generation' ? ENGINE_LIMITS.kvBytes / 1024 ** 2 : 0;
    const neededMemoryMb = peakMb === undefined ? undefined : peakMb + cacheMb;
    // One process at a time: each may take all the memory that the model is allowed.
    await runner.stop();
    const noise = await measureNoise(model, limits, body).catch((error: unknown) => {
      throw refused(`it does not run on other settings of the runtime: ${messageOf(error)}`);
    });
    return { msPerSample, unitsPerSample, peakMemoryMb: peakMb, neededMemoryMb, tokensPerSecond, noise };
  } finally {
    await runner.stop();
  }
}

/** What the runtime says of a model that does not load or run, and where we know it, what to do. */
export function whyItDoesNotRun(error: unknown): string {
  const reason = reasonOf(error);
  const [, locale] = /locale with name:([^\s:]+)/.exec(reason) ?? [];
  if (/did not answer "\w+" within/.test(reason)) {
    return `it does not run within its limits: ${reason} If this machine is busy, add the model again when it is not.`;
  }
  if (locale === undefined) return `it does not run within its limits: ${reason}`;
  return (
    `it asks for the locale ${locale}, which this computer lacks, and cars may lack: export it with ` +
    "the locale C (StringNormalizer's attribute `locale`), or install the locale here and on the cars"
  );
}

const usageSchema = z.object({ usage: z.object({ prompt_tokens: z.number(), completion_tokens: z.number() }) });
/** Some five tokens in most vocabularies, at most one a character. */
const SENTENCE = 'A parked car at night. ';
const SENTENCES = 40;
const WRITTEN_TOKENS = 32;

/** A long prompt for one token says how fast is read, a short one for many how fast is written. */
async function tokensPerSecondOf(runner: Runner, model: LoadedModel): Promise<ProbedModel['tokensPerSecond']> {
  if (model.pipeline.kind !== 'text-generation') return undefined;
  const { contextTokens } = model.pipeline;
  const timed = async (prompt: string, max_tokens: number) => {
    const startMs = performance.now();
    const [answer] = await runner.run(model, [{ model: 'probe', prompt, max_tokens, temperature: 0 }]);
    const seconds = Math.max(1e-6, (performance.now() - startMs) / 1_000);
    return { seconds, usage: usageSchema.safeParse(answer?.body).data?.usage };
  };
  try {
    const sentences = Math.max(1, Math.min(SENTENCES, Math.floor(contextTokens / 2 / SENTENCE.length)));
    const read = await timed(SENTENCE.repeat(sentences), 1);
    const written = await timed('A', Math.max(1, Math.min(WRITTEN_TOKENS, contextTokens >> 1)));
    if (!read.usage || !written.usage) return undefined;
    return {
      prefill: read.usage.prompt_tokens / read.seconds,
      decode: written.usage.completion_tokens / written.seconds,
    };
  } catch (error) {
    throw refused(`it does not keep to its limits: ${messageOf(error)}`);
  }
}

async function peakMemoryMb(pid: number | undefined): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return kib === undefined ? undefined : Math.round(Number(kib) / 1024);
}

function refusalIn(body: unknown): string {
  const message = errorBodySchema.safeParse(body).data?.error.message;
  return message ?? (JSON.stringify(body) ?? '').slice(0, 200);
}

function sampleBody(pipeline: Pipeline): unknown {
  switch (pipeline.kind) {
    case 'text-embedding':
      return { input: 'a parked car at night' };
    case 'text-classification':
      return { input: 'a parked car at night' };
    case 'rerank':
      return { query: 'Where is the car?', documents: ['It is parked at home.'] };
    case 'text-generation':
      return { model: 'probe', prompt: 'a parked car', max_tokens: 8 };
    case 'image-ctc':
      return {
        inputs: [
          {
            name: 'image',
            datatype: 'BYTES',
            shape: [1],
            data: [blankPng(Math.min(320, pipeline.maxWidthPx), pipeline.heightPx).toString('base64')],
          },
        ],
      };
    case 'tensors':
      return { inputs: pipeline.inputs.map(zeros) };
    case 'training':
      return sampleTask(pipeline);
    default:
      return pipeline satisfies never;
  }
}

function emptyColumn({ shape }: TensorSpec): Buffer {
  return Buffer.alloc(4 * shape.reduce((all, length) => all * length, 1));
}

/** One step on examples that are all 0. */
function sampleTask({ inputs }: TrainingPipeline): object {
  const [examples = 1] = inputs[0]?.shape ?? [];
  return {
    model: 'probe',
    client: 'probe',
    weights_sha256: '0'.repeat(64),
    steps: 1,
    optimizer: { kind: 'sgd', learning_rate: 0.01 },
    seed: 0,
    data: {
      examples,
      inputs: Object.fromEntries(inputs.map((input) => [input.name, emptyColumn(input).toString('base64')])),
    },
  };
}

function zeros({ name, datatype, shape }: TensorSpec): object {
  const lengths = shape.map((length) => (length === -1 ? 1 : length));
  const count = lengths.reduce((total, length) => total * length, 1);
  if (datatype === 'FP16')
    return { name, datatype, shape: lengths, raw_base64: Buffer.alloc(count * 2).toString('base64') };
  const element = datatype === 'BYTES' ? '' : datatype === 'BOOL' ? false : 0;
  return { name, datatype, shape: lengths, data: Array.from({ length: count }, () => element) };
}

/** A white picture as an 8-bit gray PNG; readers here do not look at checksums. */
function blankPng(widthPx: number, heightPx: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(widthPx, 0);
  header.writeUInt32BE(heightPx, 4);
  header[8] = 8;
  const row = Buffer.concat([Buffer.of(0), Buffer.alloc(widthPx, 255)]);
  const rows = Buffer.concat(Array.from({ length: heightPx }, () => row));
  return Buffer.concat([
    Buffer.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(rows)),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

function pngChunk(type: string, data: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  return Buffer.concat([length, Buffer.from(type, 'latin1'), data, Buffer.alloc(4)]);
}
