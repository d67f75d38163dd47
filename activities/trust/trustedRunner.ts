import pLimit from 'p-limit';
import { z } from 'zod';

import type { Answer } from '../../domain/answerLine.ts';
import { MINUTE_MS } from '../../domain/durations.ts';
import { objectKeys } from '../../domain/names.ts';
import type { ModelRef } from '../../domain/shards.ts';
import { trainingUpdateSchema } from '../../domain/training.ts';
import { ModelCache } from '../../inference/modelCache.ts';
import type { LoadedModel } from '../../inference/runner/protocol.ts';
import { Runner } from '../../inference/runner/runner.ts';
import { evaluatedSchema, type LocalRun } from '../../inference/training/trainingPipeline.ts';
import { trainTask } from '../../inference/training/trainTask.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import { bytesFromFloats, floatsFromBase64 } from '../../training/floats.ts';
import type { TrustedTrainer } from '../training/trainingPorts.ts';
import type { ClaimedTask, TrustedRunner, TrustedTask, TrustedWork } from './trustPorts.ts';

/**
 * Answers on this computer, in a process of its own that is stopped when nothing has been asked of it for a while. Models
 * take turns: the process holds one.
 */
export function createTrustedRunner(
  objects: ObjectStore,
  models: { readonly folder: string; readonly diskBytes: number },
): TrustedRunner & TrustedTrainer & { close(): Promise<void> } {
  const cache = new ModelCache(models.folder, models.diskBytes);
  const runner = new Runner();
  const oneAtATime = pLimit(1);
  let idle: NodeJS.Timeout | undefined;
  const withModel = <Result>(model: ModelRef, use: (loaded: LoadedModel) => Promise<Result>): Promise<Result> =>
    oneAtATime(async () => {
      clearTimeout(idle);
      try {
        const loaded = await cache.open(model, objects);
        await runner.load(loaded);
        return await use(loaded);
      } finally {
        idle = setTimeout(() => void runner.stop(), IDLE_REAL_MS).unref();
      }
    });
  const timed = (model: ModelRef, use: (loaded: LoadedModel) => Promise<readonly Answer[]>): Promise<TrustedWork> =>
    withModel(model, async (loaded) => {
      const startedMs = performance.now();
      const answers = await use(loaded);
      return { answers, deviceMs: performance.now() - startedMs };
    });
  const generate = (loaded: LoadedModel, tasks: readonly (TrustedTask | ClaimedTask)[]): Promise<Answer[]> =>
    Promise.all(tasks.map((task) => runner.generate(loaded, task)));
  const train = async (model: LoadedModel, tasks: readonly TrustedTask[]): Promise<Answer[]> => {
    const answers: Answer[] = [];
    for (const { jobId, body } of tasks) {
      const weightBytes = await objects.get(objectKeys.jobWeights(jobId));
      answers.push(await trainTask({ runner, model, body: bodySchema.parse(body), weightBytes }));
    }
    return answers;
  };
  return {
    evaluate: (model, weights, data) =>
      withModel(model, async (loaded) => {
        const local: LocalRun = { weights, budgetMs: 0 };
        const [answer] = await runner.run(loaded, [{ evaluate: data, local }]);
        const evaluated = evaluatedSchema.safeParse(answer?.body).data;
        if (!evaluated) throw new Error(`The model cannot be evaluated: ${JSON.stringify(answer?.body)}`);
        return evaluated;
      }),
    train: (model, weights, task) =>
      withModel(model, async (loaded) => {
        const answer = await trainTask({ runner, model: loaded, body: task, weightBytes: bytesFromFloats(weights) });
        const update = trainingUpdateSchema.safeParse(answer.body).data;
        return update && floatsFromBase64(update.update);
      }),
    answers: (model, tasks) =>
      timed(model, async (loaded) => {
        if (loaded.pipeline.kind === 'text-generation') return generate(loaded, tasks);
        if (loaded.pipeline.kind === 'training') return train(loaded, tasks);
        const bodies = tasks.map(({ body }) => body);
        return inPieces(bodies, (piece) => runner.run(loaded, piece));
      }),
    reread: (model, tasks) => timed(model, (loaded) => generate(loaded, tasks)),
    close: async () => {
      clearTimeout(idle);
      await runner.stop();
    },
  };
}

const bodySchema = z.record(z.string(), z.unknown());
const IDLE_REAL_MS = MINUTE_MS;
/** A call of the process has a time limit; a few lines stay within it on any computer. */
const LINES_PER_CALL = 8;

async function inPieces<Item, Result>(
  items: readonly Item[],
  each: (piece: readonly Item[]) => Promise<readonly Result[]>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let start = 0; start < items.length; start += LINES_PER_CALL) {
    results.push(...(await each(items.slice(start, start + LINES_PER_CALL))));
  }
  return results;
}
