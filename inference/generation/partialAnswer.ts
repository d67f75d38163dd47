import type { ChoiceProgress, PartialChoice } from './generationTask.ts';
import type { PlaceLogprobs } from './sampling.ts';

/** What a request's choices have so far, gathered from the engine's replies. */
export class PartialAnswer {
  readonly #choices: { tokens: number[]; logprobs: PlaceLogprobs[] }[];

  constructor(start: readonly PartialChoice[] = []) {
    this.#choices = start.map(({ tokens, logprobs = [] }) => ({ tokens: [...tokens], logprobs: [...logprobs] }));
  }

  add({ choice, tokens, logprobs = [] }: ChoiceProgress): void {
    while (this.#choices.length <= choice) this.#choices.push({ tokens: [], logprobs: [] });
    this.#choices[choice]?.tokens.push(...tokens);
    this.#choices[choice]?.logprobs.push(...logprobs);
  }

  get choices(): readonly PartialChoice[] {
    return this.#choices.map(({ tokens, logprobs }) => ({
      tokens: [...tokens],
      ...(logprobs.length > 0 && { logprobs: [...logprobs] }),
    }));
  }

  get tokens(): number {
    return this.#choices.reduce((sum, { tokens }) => sum + tokens.length, 0);
  }
}
