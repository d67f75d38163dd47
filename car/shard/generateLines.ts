import { setMaxListeners } from 'node:events';

import pLimit from 'p-limit';

import type { Answer } from '../../domain/answerLine.ts';
import type { GenerationTask, PartialChoice } from '../../inference/generation/generationTask.ts';
import { PartialAnswer } from '../../inference/generation/partialAnswer.ts';
import type { LoadedModel } from '../../inference/runner/protocol.ts';
import { RunnerCrash } from '../../inference/runner/runnerChild.ts';
import type { Runner } from '../../inference/runner/runner.ts';

/** With the runner at once: more than its batch has rows, so that one that leaves is followed by one of like length. */
const LINES_AT_ONCE = 64;

export interface LineGeneration {
  readonly runner: Pick<Runner, 'generate'>;
  readonly model: LoadedModel;
  readonly taskOf: (line: number) => Omit<GenerationTask, 'key'>;
  /** Hears of new tokens. */
  readonly onTokens: (tokens: number) => void;
  readonly onAnswer: (line: number, answer: Answer) => Promise<void>;
  /** The answer to a line that kills the runner's process when it is alone. @throws the error when the device is at fault */
  readonly poisoned: (error: RunnerCrash) => Answer;
  readonly signal: AbortSignal;
}

/** Generates the answers to many lines of a shard together; what is begun can be read at any time. */
export class LinesInGeneration {
  readonly #generation: LineGeneration;
  readonly #begun = new Map<number, PartialAnswer>();

  constructor(generation: LineGeneration) {
    this.#generation = generation;
    // Each line listens for the end of the attempt.
    setMaxListeners(2 * LINES_AT_ONCE, generation.signal);
  }

  /** Lines that have tokens and no answer yet. */
  get unfinished(): ReadonlyMap<number, readonly PartialChoice[]> {
    const begun = [...this.#begun].filter(([, partial]) => partial.tokens > 0);
    return new Map(begun.map(([line, partial]) => [line, partial.choices]));
  }

  /** @throws RunnerCrash, the signal's reason, and what onAnswer throws */
  async answer(lines: readonly number[]): Promise<void> {
    const open = new Set(lines);
    const atOnce = pLimit(LINES_AT_ONCE);
    const failures: unknown[] = [];
    await Promise.all(
      lines.map((line) =>
        atOnce(async () => {
          if (failures.length > 0) return;
          try {
            await this.#one(line);
            open.delete(line);
          } catch (error) {
            failures.push(error);
          }
        }),
      ),
    );
    const [failure] = failures;
    if (failure === undefined) return;
    if (!(failure instanceof RunnerCrash) || this.#generation.signal.aborted) throw failure;
    // One of them kills the process: alone, it harms no neighbour.
    for (const line of open) await this.#alone(line);
  }

  async #alone(line: number): Promise<void> {
    try {
      await this.#one(line);
    } catch (error) {
      if (!(error instanceof RunnerCrash) || this.#generation.signal.aborted) throw error;
      this.#begun.delete(line);
      await this.#generation.onAnswer(line, this.#generation.poisoned(error));
    }
  }

  async #one(line: number): Promise<void> {
    const { runner, model, taskOf, onTokens, onAnswer, signal } = this.#generation;
    const task = taskOf(line);
    const begun = this.#begun.get(line) ?? new PartialAnswer(task.partial);
    this.#begun.set(line, begun);
    const answer = await runner.generate(
      model,
      { ...task, partial: begun.choices },
      {
        signal,
        onProgress: (progress) => {
          onTokens(begun.add(progress));
        },
      },
    );
    this.#begun.delete(line);
    await onAnswer(line, answer);
  }
}
