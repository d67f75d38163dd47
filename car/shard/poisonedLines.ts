import type { BatchRequestLine } from '../../domain/batchLines.ts';
import type { Answer } from '../../domain/answerLine.ts';
import { isPoisoned, poisonedAnswer } from '../../inference/runner/openInference.ts';
import type { LoadedModel } from '../../inference/runner/protocol.ts';
import { RunnerCrash } from '../../inference/runner/runnerChild.ts';
import type { InferencePorts } from './ports.ts';

/** More in a row, and the device is at fault. */
const MAX_POISONED_IN_ROW = 3;

interface PoisonedLinesPorts {
  readonly runner: Pick<InferencePorts['runner'], 'load' | 'run'>;
  /** Of the attempt. */
  readonly signal: AbortSignal;
  tell(error: unknown): void;
}

/**
 * Finds the lines that kill the runner's process, and answers them with an error. A device on which every line dies is
 * what is broken then, not the lines.
 */
export class PoisonedLines {
  readonly #ports: PoisonedLinesPorts;
  #inRow = 0;

  constructor(ports: PoisonedLinesPorts) {
    this.#ports = ports;
  }

  /** What a line is answered with on which the process died. @throws what is no death of the process, or too many in a row */
  answer(error: unknown): Answer {
    this.#inRow += 1;
    if (!(error instanceof RunnerCrash) || this.#inRow > MAX_POISONED_IN_ROW) throw error;
    this.#ports.tell(error);
    return poisonedAnswer();
  }

  /** Lines with a real answer among these show that the device works. */
  count(answers: readonly Answer[]): void {
    if (answers.length > 0 && !answers.every(isPoisoned)) this.#inRow = 0;
  }

  /**
   * Answers the lines of a micro-batch on which the process died: halves it until the line that kills the process is
   * alone. That line is answered with an error, its neighbours with their answers.
   * @throws RunnerCrash, and any other error as it came
   */
  async isolate(error: unknown, model: LoadedModel, requests: readonly BatchRequestLine[]): Promise<readonly Answer[]> {
    const { runner, signal } = this.#ports;
    if (!(error instanceof RunnerCrash) || signal.aborted) throw error;
    const middle = requests.length >> 1;
    const halves = requests.length > 1 ? [requests.slice(0, middle), requests.slice(middle)] : [requests];
    const answers: Answer[] = [];
    for (const half of halves) {
      signal.throwIfAborted();
      // A model that no longer loads is no line's fault.
      await runner.load(model);
      const bodies = half.map(({ body }) => body);
      try {
        answers.push(...(await runner.run(model, bodies)));
        this.#inRow = 0;
      } catch (again) {
        if (half.length > 1) answers.push(...(await this.isolate(again, model, half)));
        else answers.push(this.answer(again));
      }
    }
    return answers;
  }
}
