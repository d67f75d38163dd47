import pLimit from 'p-limit';

import type { Answer } from '../../domain/answerLine.ts';
import { MINUTE_MS } from '../../domain/durations.ts';
import type { ModelRef } from '../../domain/shards.ts';
import { ModelCache } from '../../inference/modelCache.ts';
import type { LoadedModel } from '../../inference/runner/protocol.ts';
import { Runner } from '../../inference/runner/runner.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import type { ClaimedTask, TrustedRunner, TrustedTask, TrustedWork } from './trustPorts.ts';

/**
 * Answers on this computer, in a process of its own that is stopped when nothing has been asked of it for a while. Models
 * take turns: the process holds one.
 */
export function createTrustedRunner(
  objects: ObjectStore,
  models: { readonly folder: string; readonly diskBytes: number },
): TrustedRunner & { close(): Promise<void> } {
  const cache = new ModelCache(models.folder, models.diskBytes);
  const runner = new Runner();
  const oneAtATime = pLimit(1);
  let idle: NodeJS.Timeout | undefined;
  const withModel = (model: ModelRef, use: (loaded: LoadedModel) => Promise<readonly Answer[]>): Promise<TrustedWork> =>
    oneAtATime(async () => {
      clearTimeout(idle);
      try {
        const loaded = await cache.open(model, objects);
        await runner.load(loaded);
        const startedMs = performance.now();
        const answers = await use(loaded);
        return { answers, deviceMs: performance.now() - startedMs };
      } finally {
        idle = setTimeout(() => void runner.stop(), IDLE_REAL_MS).unref();
      }
    });
  const generate = (loaded: LoadedModel, tasks: readonly (TrustedTask | ClaimedTask)[]): Promise<Answer[]> =>
    Promise.all(tasks.map((task) => runner.generate(loaded, task)));
  return {
    answers: (model, tasks) =>
      withModel(model, async (loaded) => {
        if (loaded.pipeline.kind === 'text-generation') return generate(loaded, tasks);
        const bodies = tasks.map(({ body }) => body);
        return inPieces(bodies, (piece) => runner.run(loaded, piece));
      }),
    reread: (model, tasks) => withModel(model, (loaded) => generate(loaded, tasks)),
    close: async () => {
      clearTimeout(idle);
      await runner.stop();
    },
  };
}

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
