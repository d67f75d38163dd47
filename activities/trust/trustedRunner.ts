import pLimit from 'p-limit';
import { z } from 'zod';

import type { Answer } from '../../domain/answerLine.ts';
import { objectKeys } from '../../domain/names.ts';
import { ModelCache } from '../../inference/modelCache.ts';
import { Runner } from '../../inference/runner/runner.ts';
import type { ModelRef } from '../../domain/shards.ts';
import { trainingUpdateSchema } from '../../domain/training.ts';
import type { LoadedModel } from '../../inference/runner/protocol.ts';
import type { Evaluation, LocalRun } from '../../inference/training/trainingPipeline.ts';
import { trainTask } from '../../inference/training/trainTask.ts';
import { bytesFromFloats, floatsFromBase64 } from '../../training/floats.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import type { TrustedTrainer } from '../training/trainingPorts.ts';
import type { TrustedRunner } from './trustPorts.ts';

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
        return await use(await cache.open(model, objects));
      } finally {
        idle = setTimeout(() => void runner.stop(), IDLE_REAL_MS).unref();
      }
    });
  return {
    evaluate: (model, weights, data) =>
      withModel(model, async (loaded) => {
        const local: LocalRun = { weights, budgetMs: 0 };
        const [answer] = await runner.run(loaded, [{ evaluate: data, local }]);
        if (answer?.statusCode !== 200)
          throw new Error(`The model cannot be evaluated: ${JSON.stringify(answer?.body)}`);
        return answer.body as Evaluation;
      }),
    train: (model, weights, task) =>
      withModel(model, async (loaded) => {
        const answer = await trainTask({ runner, model: loaded, body: task, weightBytes: bytesFromFloats(weights) });
        const update = trainingUpdateSchema.safeParse(answer.body).data;
        return update && floatsFromBase64(update.update);
      }),
    answers: (model, tasks) =>
      withModel(model, async (loaded) => {
        if (loaded.pipeline.kind === 'training') {
          const answers: Answer[] = [];
          for (const { jobId, body } of tasks) {
            const weightBytes = await objects.get(objectKeys.jobWeights(jobId));
            answers.push(await trainTask({ runner, model: loaded, body: bodySchema.parse(body), weightBytes }));
          }
          return answers;
        }
        if (loaded.pipeline.kind !== 'text-generation') {
          await runner.load(loaded);
          const bodies = tasks.map(({ body }) => body);
          return await inPieces(bodies, (piece) => runner.run(loaded, piece));
        }
        return await Promise.all(tasks.map((task) => runner.generate(loaded, task)));
      }),
    close: async () => {
      clearTimeout(idle);
      await runner.stop();
    },
  };
}

const bodySchema = z.record(z.string(), z.unknown());
const IDLE_REAL_MS = 60_000;
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
