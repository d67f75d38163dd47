import pLimit from 'p-limit';

import { MINUTE_MS } from '../../domain/durations.ts';
import { ModelCache } from '../../inference/modelCache.ts';
import { Runner } from '../../inference/runner/runner.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import type { TrustedRunner } from './trustPorts.ts';

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
  return {
    answers: (model, tasks) =>
      oneAtATime(async () => {
        clearTimeout(idle);
        try {
          const loaded = await cache.open(model, objects);
          if (loaded.pipeline.kind !== 'text-generation') {
            await runner.load(loaded);
            const bodies = tasks.map(({ body }) => body);
            return await inPieces(bodies, (piece) => runner.run(loaded, piece));
          }
          return await Promise.all(tasks.map((task) => runner.generate(loaded, task)));
        } finally {
          idle = setTimeout(() => void runner.stop(), IDLE_REAL_MS).unref();
        }
      }),
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
