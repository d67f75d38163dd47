import { ModelCache } from './modelCache.ts';
import { Runner, type RunnerOptions } from './runner/runner.ts';
import { RunnerCrash } from './runner/runnerChild.ts';
import type { Answer } from '../domain/answerLine.ts';
import { NightshiftError } from '../domain/errors.ts';
import type { Pipeline } from '../domain/models.ts';
import type { ModelRef } from '../domain/shards.ts';
import type { LoadedModel } from './runner/protocol.ts';
import type { ObjectStore } from '../store/objectStore.ts';
import { countsTokens, workUnitsOf } from '../domain/workUnits.ts';
import { GatheredCalls } from './runner/gatheredCalls.ts';

/** Answers requests at once. */
export interface LiveExecutor {
  /**
   * Answers the bodies in order.
   * @throws NightshiftError `rate_limited` when too many wait, `unavailable` when the model's process dies
   */
  infer(ref: ModelRef, bodies: readonly unknown[]): Promise<readonly Answer[]>;
  /**
   * Generates the answer of one request, together with others that are under way.
   * @throws like `infer`, and the reason of `options.signal`
   */
  generate(
    ref: ModelRef,
    task: Parameters<Runner['generate']>[1],
    options?: Parameters<Runner['generate']>[2],
  ): Promise<Answer>;
  close(): Promise<void>;
}

export interface LiveExecutorOptions {
  /** Where checked model files are kept. */
  readonly folder: string;
  /** Disk that they may use. */
  readonly diskBytes?: number;
  readonly objects: Pick<ObjectStore, 'get' | 'getStream'>;
  readonly runner?: Partial<RunnerOptions>;
  /** Models whose process stays; the one that was not asked for longest goes first. */
  readonly models?: number;
  /** Requests that may wait or run at once. */
  readonly waiting?: number;
}

const MODELS = 2;
const WAITING = 64;
const RETRY_SECONDS = 1;
const LIVE_RUNNER = { callLimitMs: 20_000, processesPerCall: 1 } as const satisfies Partial<RunnerOptions>;

interface Loaded {
  readonly runner: Runner;
  readonly model: ReturnType<ModelCache['open']>;
  readonly gathered: GatheredCalls;
  lastUse: number;
  calls: number;
}

/** Answers live requests with the cars' own runner, in processes beside the API: cars come and go, these stay. */
export function createLiveExecutor(options: LiveExecutorOptions): LiveExecutor {
  const cache = new ModelCache(options.folder, options.diskBytes);
  const loaded = new Map<string, Loaded>();
  const most = options.models ?? MODELS;
  let open = 0;
  let uses = 0;

  const load = (ref: ModelRef): Loaded => {
    const runner = new Runner({ ...LIVE_RUNNER, ...options.runner });
    const model = cache.open(ref, options.objects);
    const gathered = new GatheredCalls(async (bodies) => runner.run(await model, bodies));
    return { runner, model, gathered, lastUse: 0, calls: 0 };
  };

  const entryOf = async (ref: ModelRef): Promise<Loaded> => {
    const key = `${ref.name}/${ref.version}/${ref.sha256}`;
    let entry = loaded.get(key);
    if (!entry) {
      await makeRoom();
      entry = loaded.get(key) ?? load(ref);
      loaded.set(key, entry);
      // A model that cannot be opened is looked for again at the next request.
      entry.model.catch(() => loaded.delete(key));
    }
    entry.lastUse = ++uses;
    return entry;
  };

  const makeRoom = async (): Promise<void> => {
    const idle = [...loaded].filter(([, { calls }]) => calls === 0).sort(([, a], [, b]) => a.lastUse - b.lastUse);
    for (const [key, { runner }] of idle.slice(0, Math.max(0, loaded.size - most + 1))) {
      loaded.delete(key);
      await runner.stop();
    }
  };

  const answered = async <Answered>(
    ref: ModelRef,
    work: (entry: Loaded, model: LoadedModel) => Promise<Answered>,
  ): Promise<Answered> => {
    if (open >= (options.waiting ?? WAITING)) {
      const message = `${open} live requests are waiting; send it again in a moment, or as a batch.`;
      throw new NightshiftError('rate_limited', message, { retryAfterSeconds: RETRY_SECONDS });
    }
    open++;
    try {
      const entry = await entryOf(ref);
      entry.calls++;
      try {
        return await work(entry, await entry.model);
      } finally {
        entry.calls--;
      }
    } catch (error) {
      if (!(error instanceof RunnerCrash)) throw error;
      throw new NightshiftError('unavailable', 'The model failed while it worked on this request.', { cause: error });
    } finally {
      open--;
    }
  };

  return {
    infer: (ref, bodies) =>
      answered(ref, ({ gathered }, { pipeline: { kind } }) =>
        Promise.all(bodies.map((body) => gathered.answer(body, unitsOf(kind, body)))),
      ),
    generate: (ref, task, how) => answered(ref, ({ runner }, model) => runner.generate(model, task, how)),
    close: async () => {
      const runners = [...loaded.values()].map(({ runner }) => runner);
      loaded.clear();
      await Promise.all(runners.map((runner) => runner.stop()));
    },
  };
}

/** Pictures and tensors are told nothing by their form: they go to the process one by one. */
function unitsOf(kind: Pipeline['kind'], body: unknown): number {
  const isObject = typeof body === 'object' && body !== null;
  return countsTokens(kind) && isObject ? workUnitsOf(kind, { ...body }) : Number.POSITIVE_INFINITY;
}
