import type { ReplayedChoice } from '../../domain/answerLine.ts';
import { AnswerText } from './answerText.ts';
import type { ChoiceProgress, PartialChoice } from './generationTask.ts';
import type { JsonMatcher } from './jsonGrammar.ts';
import { logitDistance } from './logitDistance.ts';
import { uniform } from './philox.ts';
import type { RequestPlan } from './requestPlan.ts';
import { adjustLogits, chooseToken, logprobsAt, mayBeDrawn, type PlaceLogprobs } from './sampling.ts';
import type { Vocabulary } from './vocabulary.ts';

export type FinishReason = 'stop' | 'length';

export interface ChoiceContext {
  readonly vocabulary: Vocabulary;
  readonly endTokens: ReadonlySet<number>;
}

/** What is known of a choice before it is computed. */
export interface ChoiceStart {
  /** Of an earlier attempt. */
  readonly partial?: PartialChoice | undefined;
  /** Tokens to read, none to draw. */
  readonly claimed?: readonly number[] | undefined;
  /** Whether tokens that are known are read many at once; else each is computed as it was written. */
  readonly readsAhead: boolean;
}

/**
 * One answer to a request, token by token. What comes next depends on the logits and on this alone. Tokens that an
 * earlier attempt says it had are only a guess: each one is drawn again from the logits before it, and the first that
 * would not have come ends the guess.
 */
export class Choice {
  readonly plan: RequestPlan;
  readonly index: number;
  readonly tokens: number[] = [];
  readonly logprobs: PlaceLogprobs[] = [];
  readonly #context: ChoiceContext;
  readonly #text: AnswerText;
  readonly #counts = new Map<number, number>();
  readonly #matcher: JsonMatcher | undefined;
  #guess: readonly number[];
  readonly #claimed: readonly number[] | undefined;
  readonly #distances: number[] = [];
  #brokenOff = false;
  #reported = 0;
  finishReason: FinishReason | undefined;

  constructor(plan: RequestPlan, index: number, start: ChoiceStart, context: ChoiceContext) {
    this.plan = plan;
    this.index = index;
    this.#context = context;
    this.#text = new AnswerText(plan.stops, context.vocabulary.stripsFirstSpace);
    this.#matcher = plan.grammar?.matcher();
    this.#claimed = start.claimed;
    // The last one is drawn in any case.
    this.#guess = start.claimed
      ? start.claimed.slice(0, start.readsAhead ? -1 : 0)
      : (start.partial?.tokens ?? []).slice(0, plan.maxTokens - 1);
    if (start.claimed?.length === 0) this.#breakOff();
  }

  /** How the claimed tokens hold, once they are read. */
  get replayed(): ReplayedChoice {
    const isWhole = !this.#brokenOff && this.tokens.length === this.#claimed?.length;
    return { distances: this.#distances, isWhole };
  }

  /** What an earlier attempt had after `context`, and nobody has checked yet. */
  get guess(): readonly number[] {
    return this.#guess;
  }

  dropGuess(): void {
    this.#guess = [];
  }

  get text(): string {
    return this.#text.text;
  }

  /** All that the network has to have read before the next token is drawn. */
  get context(): readonly number[] {
    return this.tokens.length === 0 ? this.plan.promptTokens : [...this.plan.promptTokens, ...this.tokens];
  }

  /** The longest that its row in the cache may become. */
  get longest(): number {
    return this.plan.promptTokens.length + this.plan.maxTokens;
  }

  /**
   * Draws the next token from the logits, which are changed.
   * @throws Error when the network gives no numbers
   */
  next(logits: Float32Array): void {
    const { sampling, randomKey, topLogprobs } = this.plan;
    const logprobOf = topLogprobs === undefined ? undefined : logprobsAt(logits, topLogprobs);
    adjustLogits(logits, sampling, this.#counts, this.#matcher?.mask());
    const [guessed, ...rest] = this.#guess;
    const draw = uniform(randomKey, this.index, this.tokens.length);
    if (this.#claimed) {
      this.#read(this.#claimed[this.tokens.length] ?? -1, logits, draw, logprobOf);
      return;
    }
    const isGuessed = guessed !== undefined && mayBeDrawn(guessed, logits, sampling, draw);
    const id = isGuessed ? guessed : chooseToken(logits, sampling, draw);
    if (id === undefined) throw new Error('The network gives no logits that are numbers.');
    this.#guess = isGuessed ? rest : [];
    this.#append(id, logprobOf?.(id));
    // Was shown by the attempt that had it.
    if (isGuessed) this.#text.release(this.finishReason !== undefined);
  }

  /** Takes a claimed token, whatever would have been drawn; one that may not come ends the claim. */
  #read(id: number, logits: Float32Array, draw: number, logprobOf: ((id: number) => PlaceLogprobs) | undefined): void {
    const distance = logitDistance(id, logits, this.plan.sampling, draw);
    this.#distances.push(distance);
    this.#guess = this.#guess.slice(1);
    if (distance === Number.POSITIVE_INFINITY) this.#breakOff();
    else {
      this.#append(id, logprobOf?.(id));
      if (this.finishReason === undefined && this.tokens.length === this.#claimed?.length) this.#breakOff();
    }
  }

  #breakOff(): void {
    this.#brokenOff = true;
    this.finishReason ??= 'length';
    this.#text.end();
  }

  #append(id: number, place: PlaceLogprobs | undefined): void {
    this.tokens.push(id);
    if (place) this.logprobs.push(place);
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
    if (this.#context.endTokens.has(id)) this.finishReason = 'stop';
    else {
      this.#text.push(this.#context.vocabulary.bytesOf(id));
      this.#matcher?.accept(id);
      if (this.#text.stopped || this.#matcher?.complete === true) this.finishReason = 'stop';
      else if (this.tokens.length >= this.plan.maxTokens) this.finishReason = 'length';
    }
    if (this.finishReason !== undefined) this.#text.end();
  }

  /** What has come since the last call. */
  progress(key: string): ChoiceProgress | undefined {
    if (this.#reported === this.tokens.length) return undefined;
    const from = this.#reported;
    this.#reported = this.tokens.length;
    return {
      key,
      choice: this.index,
      from,
      tokens: this.tokens.slice(from),
      // Whether a text is a call is known at its end only.
      text: this.plan.parsesTools ? '' : this.#text.release(this.finishReason !== undefined),
    };
  }
}
