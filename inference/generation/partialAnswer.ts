import type { ChoiceProgress, PartialChoice } from './generationTask.ts';

/** What a request's choices have so far, gathered from the engine's replies. */
export class PartialAnswer {
  readonly #choices: number[][];

  constructor(start: readonly PartialChoice[] = []) {
    this.#choices = start.map(({ tokens }) => [...tokens]);
  }

  /**
   * From `from` on, the engine knows better than whoever had the choice before.
   * @returns how many tokens it did not have
   */
  add({ choice, from, tokens }: ChoiceProgress): number {
    while (this.#choices.length <= choice) this.#choices.push([]);
    const had = this.#choices[choice] ?? [];
    const isAsBefore = tokens.every((id, index) => had[from + index] === undefined || had[from + index] === id);
    const after = isAsBefore ? had.slice(from + tokens.length) : [];
    this.#choices[choice] = [...had.slice(0, from), ...tokens, ...after];
    return Math.max(0, from + tokens.length - had.length);
  }

  get choices(): readonly PartialChoice[] {
    return this.#choices.map((tokens) => ({ tokens: [...tokens] }));
  }

  get tokens(): number {
    return this.#choices.reduce((sum, tokens) => sum + tokens.length, 0);
  }
}
