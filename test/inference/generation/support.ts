import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { InferenceSession } from 'onnxruntime-node';

import { GenerationEngine, type EngineLimits } from '../../../inference/generation/engine.ts';
import type { FinishedTask, GenerationTask, StepResult } from '../../../inference/generation/generationTask.ts';
import { openLanguageModel, type LanguageModel } from '../../../inference/generation/languageModel.ts';
import { writeTinyLlama, type TinyLlamaOptions } from '../../support/tinyLlama.ts';

export async function openTiny(options: Partial<TinyLlamaOptions> = {}): Promise<LanguageModel> {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-tiny-'));
  const networkPath = await writeTinyLlama(folder, { layout: 'huggingface', weights: 'fp32', ...options });
  return openFolder(folder, networkPath);
}

export async function openFolder(folder: string, networkPath: string): Promise<LanguageModel> {
  return openLanguageModel({
    session: await InferenceSession.create(networkPath, { intraOpNumThreads: 1, interOpNumThreads: 1 }),
    name: 'tiny',
    sha256: '0'.repeat(64),
    networkPath,
    readFile: (path) => readFile(join(folder, path), 'utf8').catch(() => undefined),
  });
}

export function task(key: string, body: object, partial?: GenerationTask['partial']): GenerationTask {
  return {
    key,
    id: `req_${key}`,
    body: { model: 'tiny', ...body },
    createdAtSeconds: 1_764_000_000,
    ...(partial && { partial }),
  };
}

/* What an answer has depends on its request. */
/* oxlint-disable typescript/no-explicit-any */
export interface Answered {
  readonly statusCode: number;
  readonly text: string;
  readonly body: Record<string, any>;
}

/** Runs the engine to the end. @param onStep sees each step's result */
export async function answerAll(
  model: LanguageModel,
  tasks: readonly GenerationTask[],
  limits: Partial<EngineLimits> = {},
  onStep: (result: StepResult) => void = () => {},
): Promise<Record<string, Answered>> {
  const engine = new GenerationEngine(model, limits);
  engine.add(tasks);
  const finished: FinishedTask[] = [];
  for (let open = 1; open > 0;) {
    const result = await engine.step();
    onStep(result);
    finished.push(...result.finished);
    open = result.open;
  }
  return Object.fromEntries(finished.map(({ key, answer }) => [key, answered(answer)]));
}

function answered({ statusCode, body }: FinishedTask['answer']): Answered {
  const fields: Record<string, any> = JSON.parse(JSON.stringify(body));
  const choice = fields['choices']?.[0];
  return { statusCode, body: fields, text: choice?.message?.content ?? choice?.text ?? '' };
}
