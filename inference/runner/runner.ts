import { createHash, randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';

import type { ExecutionProvider } from '../../domain/hardwareClasses.ts';
import type { Answer } from '../../domain/answerLine.ts';
import { modelKey } from '../../domain/modelOrders.ts';
import { GenerationSession } from '../generation/generationSession.ts';
import type { ChoiceProgress, GenerationTask } from '../generation/generationTask.ts';
import { PartialAnswer } from '../generation/partialAnswer.ts';
import { findLauncher } from './launcher.ts';
import { CAR_SETTINGS, type LoadedModel, type SessionSettings } from './protocol.ts';
import { RunnerChild, RunnerCrash } from './runnerChild.ts';

export interface RunnerOptions {
  /** Limit on the process's private memory, where the system can hold it. */
  readonly memoryLimitBytes: number;
  /** Real time from the start of the process to a loaded model; each MiB of its files adds LOAD_MS_PER_MIB. */
  readonly loadLimitMs: number;
  /** Real time for one call of run(). */
  readonly callLimitMs: number;
  /** Fresh processes that one call may use up before it gives in. */
  readonly processesPerCall: number;
  /** Calls after which the process is replaced, since ONNX Runtime gives little memory back. */
  readonly callsPerProcess: number;
  /** Of ONNX Runtime; one that this computer does not have falls back to `cpu`. */
  readonly executionProvider: ExecutionProvider;
  readonly settings: SessionSettings;
  /** Told at each load which provider is used, and why it is not the one that was asked for. */
  readonly onProvider: (used: { readonly provider: ExecutionProvider; readonly refusal?: string | undefined }) => void;
}

export const RUNNER_DEFAULTS = {
  memoryLimitBytes: 4 * 1024 ** 3,
  // The process gives way to all others: on a busy machine its start alone takes half a minute.
  loadLimitMs: 120_000,
  callLimitMs: 30_000,
  processesPerCall: 2,
  callsPerProcess: 20_000,
  executionProvider: 'cpu',
  settings: CAR_SETTINGS,
  onProvider: () => {},
} as const satisfies RunnerOptions;

/** Of a slow disk, and a process that gives way to all others of a busy machine. */
const LOAD_MS_PER_MIB = 200;

/** stop() ended the call. */
export class RunnerStopped extends Error {
  override readonly name = 'RunnerStopped';
}

/**
 * The car's inference device: at most one process, started when it is needed, replaced when it dies, when it is worn
 * or when another model is asked for. ONNX Runtime blocks its thread and cannot be interrupted, so it gets a process
 * that can be stopped and killed.
 */
export class Runner {
  readonly #options: RunnerOptions;
  #child: RunnerChild | undefined;
  /** Version and files: two versions may share a network and differ in what is beside it. */
  #loadedKey: string | undefined;
  #callsOfChild = 0;
  #openCalls = 0;
  #loading: Promise<RunnerChild> | undefined;
  #session: { readonly child: RunnerChild; readonly requests: GenerationSession } | undefined;
  #paused = false;
  #stops = 0;
  #resumed: (() => void)[] = [];

  constructor(options: Partial<RunnerOptions> = {}) {
    this.#options = { ...RUNNER_DEFAULTS, ...options };
  }

  /** Of the present process, if there is one. */
  get pid(): number | undefined {
    return this.#child?.alive === true ? this.#child.pid : undefined;
  }

  /**
   * Starts a process with this model, unless it runs already.
   * @throws RunnerCrash when the process and its replacements died
   * @throws RunnerStopped
   */
  async load(model: LoadedModel): Promise<void> {
    await this.#withReplacements((stops) => this.#load(model, stops));
  }

  /**
   * Answers the bodies of request lines, in order. A process that dies under way is replaced and asked again. A call
   * made before the last one has ended waits in the process, which then goes on without a pause.
   * @throws RunnerCrash when the replacements died too
   * @throws RunnerStopped
   */
  async run(model: LoadedModel, bodies: readonly unknown[]): Promise<readonly Answer[]> {
    if (model.pipeline.kind === 'text-generation') {
      return await Promise.all(bodies.map((body) => this.generate(model, unnamedTask(body))));
    }
    return await this.#withReplacements(async (stops) => {
      const child = await this.#load(model, stops);
      await this.#untilResumed(stops);
      this.#callsOfChild += 1;
      this.#openCalls += 1;
      const reply = await child.ask({ type: 'run', bodies }, this.#options.callLimitMs).finally(() => {
        this.#openCalls -= 1;
      });
      if (reply.type !== 'answers' || reply.answers.length !== bodies.length) {
        throw new RunnerCrash(`Unexpected reply "${reply.type}".`);
      }
      return reply.answers;
    });
  }

  /**
   * Answers one request of a model that generates text, together with all others that are under way. A process that
   * dies is replaced, and the answer goes on from the tokens that it has.
   * @param options.onProgress hears the tokens as they come; those of a process that died come again, by their
   *   position, but never their text
   * @throws RunnerCrash when the replacements died too
   * @throws RunnerStopped, and the reason of `options.signal`
   */
  async generate(
    model: LoadedModel,
    task: Omit<GenerationTask, 'key'>,
    options: { onProgress?: (progress: ChoiceProgress) => void; signal?: AbortSignal } = {},
  ): Promise<Answer> {
    const partial = new PartialAnswer(task.partial);
    const onProgress = (progress: ChoiceProgress): void => {
      partial.add(progress);
      options.onProgress?.(progress);
    };
    return await this.#withReplacements(async (stops) => {
      const child = await this.#load(model, stops);
      this.#openCalls += 1;
      try {
        const whole = { ...task, key: randomUUID(), partial: partial.choices };
        return await this.#sessionOf(child, stops).generate(whole, onProgress, options.signal);
      } finally {
        this.#openCalls -= 1;
      }
    });
  }

  #sessionOf(child: RunnerChild, stops: number): GenerationSession {
    if (this.#session?.child === child) return this.#session.requests;
    const requests = new GenerationSession(async (request) => {
      await this.#untilResumed(stops);
      this.#callsOfChild += 1;
      const reply = await child.ask(request, this.#options.callLimitMs);
      if (reply.type !== 'stepped') throw new RunnerCrash(`Unexpected reply "${reply.type}".`);
      return reply.result;
    });
    this.#session = { child, requests };
    return requests;
  }

  async #withReplacements<T>(call: (stops: number) => Promise<T>): Promise<T> {
    const stops = this.#stops;
    for (let processes = 1; ; processes += 1) {
      try {
        return await call(stops);
      } catch (error) {
        if (this.#stops !== stops) throw new RunnerStopped('The runner was stopped.', { cause: error });
        if (!(error instanceof RunnerCrash) || processes >= this.#options.processesPerCall) throw error;
      }
    }
  }

  /** The process with this model; calls that need a new one at the same time get the same. */
  async #load(model: LoadedModel, stops: number): Promise<RunnerChild> {
    this.#loading ??= this.#loadOnce(model, stops).finally(() => {
      this.#loading = undefined;
    });
    return await this.#loading;
  }

  async #loadOnce(model: LoadedModel, stops: number): Promise<RunnerChild> {
    const worn = this.#openCalls === 0 && this.#callsOfChild >= this.#options.callsPerProcess;
    if (this.#child?.alive === true && this.#loadedKey === modelKey(model) && !worn) return this.#child;
    await this.#endProcess();
    const launcher = await findLauncher(this.#options.memoryLimitBytes);
    await this.#untilResumed(stops);
    const child = new RunnerChild(launcher);
    this.#child = child;
    const { executionProvider: provider, settings, loadLimitMs } = this.#options;
    const limitMs = loadLimitMs + Math.round(LOAD_MS_PER_MIB * (await sizeMib(model)));
    const reply = await child.ask({ type: 'load', model, provider, settings }, limitMs);
    if (reply.type !== 'ready') {
      child.kill();
      throw new RunnerCrash(reply.type === 'load_failed' ? reply.message : `Unexpected reply "${reply.type}".`);
    }
    this.#options.onProvider(reply);
    this.#loadedKey = modelKey(model);
    return child;
  }

  /** Takes all power from the device at once; its limits stand still until resume(). */
  pause(): void {
    this.#paused = true;
    this.#child?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#child?.resume();
    this.#wake();
  }

  /** Kills the process, paused or not, and waits for its end. A call under way fails; the next one starts anew. */
  async stop(): Promise<void> {
    this.#stops += 1;
    this.#wake();
    await this.#endProcess();
  }

  async #endProcess(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    this.#loadedKey = undefined;
    this.#callsOfChild = 0;
    child?.kill();
    await child?.exited;
  }

  #wake(): void {
    for (const wake of this.#resumed.splice(0)) wake();
  }

  async #untilResumed(stops: number): Promise<void> {
    // A stop that came before this wait has already woken everybody: it must not be waited for.
    while (this.#paused && this.#stops === stops) {
      await new Promise<void>((resolve) => this.#resumed.push(resolve));
    }
    if (this.#stops !== stops) throw new RunnerStopped('The runner was stopped.');
  }
}

/** Of all its files that are there; one that is missing fails the load itself. */
async function sizeMib({ modelPath, filePaths = {} }: LoadedModel): Promise<number> {
  const paths = new Set([modelPath, ...Object.values(filePaths)]);
  const sizes = await Promise.all(
    [...paths].map((path) =>
      stat(path).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0) / 1024 ** 2;
}

/** Of a request that no batch and no caller has named: the same body gets the same answer. */
function unnamedTask(body: unknown): Omit<GenerationTask, 'key'> {
  return { id: createHash('sha256').update(JSON.stringify(body)).digest('hex'), body, createdAtSeconds: 0 };
}
