import type { Answer } from '../../domain/answerLine.ts';
import type { StepRequest } from '../runner/protocol.ts';
import type { ChoiceProgress, GenerationTask, StepResult } from './generationTask.ts';

/** How long one call of the process may take: what a leaving car still computes, and how late a live token is. */
const BUDGET_MS = 100;

interface OpenRequest {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
  readonly onProgress: (progress: ChoiceProgress) => void;
}

/**
 * All requests that one process works on: they share its batch, whoever asked for them. Calls of the process follow
 * each other for as long as one is open.
 */
export class GenerationSession {
  readonly #step: (request: StepRequest) => Promise<StepResult>;
  readonly #open = new Map<string, OpenRequest>();
  #add: GenerationTask[] = [];
  #cancel: string[] = [];
  #stepping = false;

  constructor(step: (request: StepRequest) => Promise<StepResult>) {
    this.#step = step;
  }

  /**
   * @param signal gives the request up; the promise then rejects with its reason
   * @throws what the process's call throws; all open requests end with it
   */
  async generate(
    task: GenerationTask,
    onProgress: (progress: ChoiceProgress) => void,
    signal?: AbortSignal,
  ): Promise<Answer> {
    signal?.throwIfAborted();
    const answer = new Promise<Answer>((resolve, reject) => {
      this.#open.set(task.key, { resolve, reject, onProgress });
    });
    const giveUp = (): void => {
      this.#cancel.push(task.key);
      this.#take(task.key)?.reject(signal?.reason);
    };
    signal?.addEventListener('abort', giveUp, { once: true });
    this.#add.push(task);
    if (!this.#stepping) void this.#stepAll();
    return await answer.finally(() => signal?.removeEventListener('abort', giveUp));
  }

  async #stepAll(): Promise<void> {
    this.#stepping = true;
    try {
      while (this.#open.size > 0 || this.#cancel.length > 0) {
        const [add, cancel] = [this.#add.splice(0), this.#cancel.splice(0)];
        const result = await this.#step({ type: 'step', add, cancel, budgetMs: BUDGET_MS });
        for (const progress of result.progress) this.#open.get(progress.key)?.onProgress(progress);
        for (const { key, answer } of result.finished) this.#take(key)?.resolve(answer);
      }
    } catch (error) {
      for (const { reject } of this.#open.values()) reject(error);
      this.#open.clear();
      this.#add = [];
      this.#cancel = [];
    } finally {
      this.#stepping = false;
    }
  }

  #take(key: string): OpenRequest | undefined {
    const taken = this.#open.get(key);
    this.#open.delete(key);
    return taken;
  }
}
