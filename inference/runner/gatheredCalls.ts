import type { Answer } from '../../domain/answerLine.ts';
import { RunnerCrash } from './runnerChild.ts';

/** With the process at once: one is computed, and the next one is there when it ends. */
const CALLS_AT_ONCE = 2;
/** Units of work of a call: some seconds of a small model, well within a call's limit. One larger request goes alone. */
const MAX_UNITS = 4_096;

interface Waiting {
  readonly body: unknown;
  readonly units: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Sends requests that wait at the same time to a model's process as one call: with a small model, a message to the
 * process and back costs more than an answer. Who comes alone does not wait.
 */
export class GatheredCalls {
  readonly #run: (bodies: readonly unknown[]) => Promise<readonly Answer[]>;
  #waiting: Waiting[] = [];
  #calls = 0;

  constructor(run: (bodies: readonly unknown[]) => Promise<readonly Answer[]>) {
    this.#run = run;
  }

  /** @param units of work of the request @throws what the call throws */
  answer(body: unknown, units: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ body, units, resolve, reject });
      this.#send();
    });
  }

  #send(): void {
    while (this.#calls < CALLS_AT_ONCE && this.#waiting.length > 0) {
      this.#calls += 1;
      void this.#call(this.#next()).finally(() => {
        this.#calls -= 1;
        this.#send();
      });
    }
  }

  #next(): Waiting[] {
    let units = 0;
    let count = 0;
    for (const waiting of this.#waiting) {
      units += waiting.units;
      if (count > 0 && units > MAX_UNITS) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #call(gathered: readonly Waiting[]): Promise<void> {
    try {
      const answers = await this.#run(gathered.map(({ body }) => body));
      for (const [index, { resolve, reject }] of gathered.entries()) {
        const answer = answers[index];
        if (answer) resolve(answer);
        else reject(new Error('The runner gave no answer.'));
      }
    } catch (error) {
      if (!(error instanceof RunnerCrash) || gathered.length === 1) {
        for (const { reject } of gathered) reject(error);
        return;
      }
      // One of them kills the process, or they are too much together: alone, none harms its neighbours.
      for (const each of gathered) await this.#call([each]);
    }
  }
}
