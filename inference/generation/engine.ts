import type { Answer } from '../../domain/answerLine.ts';
import { BadRequest, badRequestAnswer, inferenceFailedAnswer, reasonOf } from '../runner/openInference.ts';
import { Choice } from './choice.ts';
import { completionAnswer } from './completionAnswer.ts';
import type { DecoderNetwork } from './decoderNetwork.ts';
import type { FinishedTask, GenerationTask, StepResult } from './generationTask.ts';
import { gatherRows, type KvRow, type KvRows } from './kvRows.ts';
import type { LanguageModel } from './languageModel.ts';
import { PrefixCache } from './prefixCache.ts';
import { planRequest } from './requestPlan.ts';
import { responseAnswer } from './responseAnswer.ts';

export interface EngineLimits {
  /** Rows that are computed at once: weights are read once for all of them, and a step still takes less than a second. */
  readonly rows: number;
  /** Tokens of a prompt that are read in one step. */
  readonly prefillTokens: number;
  /** Memory that the rows' keys and values may take. */
  readonly kvBytes: number;
}

export const ENGINE_LIMITS = {
  rows: 32,
  prefillTokens: 64,
  kvBytes: 768 * 1024 ** 2,
} as const satisfies EngineLimits;

/** A step holds the old cache and the new one, and a row that joins makes a third. */
const CACHE_COPIES = 3;
/** Prefixes are looked for among so many of the requests that wait. */
const NEIGHBOURS = 64;

interface OpenTask {
  readonly task: GenerationTask;
  readonly choices: readonly Choice[];
}

interface Row {
  readonly owner: OpenTask;
  readonly choice: Choice;
}

/**
 * Answers many requests at once, one forward step at a time. Prompts are read alone and in chunks; then a request's
 * row joins the batch, and leaves it when its answer ends:
 *
 *     waiting ── prefill, chunk by chunk ──▶ ready ── join ──▶ batch ── decode, a token a step ──▶ finished
 */
export class GenerationEngine {
  readonly #model: LanguageModel;
  readonly #network: DecoderNetwork;
  readonly #limits: EngineLimits;
  readonly #prefixes: PrefixCache;
  readonly #maxWidthTokens: number;
  readonly #open = new Map<string, OpenTask>();
  #mostRows: number;
  #waiting: Row[] = [];
  #prefilling: { readonly row: Row; kv: KvRows | undefined; done: number } | undefined;
  #ready: { readonly row: Row; readonly kv: KvRow }[] = [];
  /** `rows` has undefined for a row that is finished and still in the cache. */
  #batch: { kv: KvRows; rows: (Row | undefined)[] } | undefined;
  #wastedRowSteps = 0;
  #finished: FinishedTask[] = [];

  constructor(model: LanguageModel, limits: Partial<EngineLimits> = {}) {
    this.#model = model;
    this.#network = model.network;
    this.#limits = { ...ENGINE_LIMITS, ...limits };
    // Neighbours would change what a row of such a network says.
    this.#mostRows = this.#network.batchInvariant ? this.#limits.rows : 1;
    this.#maxWidthTokens = Math.floor(this.#limits.kvBytes / CACHE_COPIES / this.#network.kvBytesPerToken);
    this.#prefixes = new PrefixCache(this.#network.padding);
  }

  /** Takes requests in; those that cannot be served are answered in the next step's result. */
  add(tasks: readonly GenerationTask[]): void {
    for (const task of tasks) {
      try {
        this.#admit(task);
      } catch (error) {
        if (!(error instanceof BadRequest)) throw error;
        this.#finished.push({ key: task.key, answer: badRequestAnswer(error) });
      }
    }
    // Rows of like length end together and pad each other least.
    this.#waiting.sort((a, b) => a.choice.longest - b.choice.longest);
  }

  /** Forgets requests whose answers nobody wants any more. */
  cancel(keys: readonly string[]): void {
    for (const key of keys) this.#drop(key);
  }

  #admit(task: GenerationTask): void {
    const plan = planRequest(task, this.#model);
    if (plan.promptTokens.length + plan.maxTokens > this.#maxWidthTokens) {
      throw new BadRequest(
        'context_length_exceeded',
        'max_tokens',
        `The prompt and the answer may have ${this.#maxWidthTokens} tokens here; that is what the memory holds.`,
      );
    }
    const partial = this.#areKnown(task.partial?.map(({ tokens }) => tokens)) ? task.partial : undefined;
    const claimed = task.claimed && (this.#areKnown(task.claimed) ? task.claimed : []);
    const choices = Array.from({ length: plan.choices }, (_, index) => {
      const start = {
        partial: partial?.[index],
        claimed: claimed && (claimed[index] ?? []),
        // Read in chunks, tokens give such a network other numbers than they did when they were written.
        readsAhead: this.#network.batchInvariant,
      };
      return new Choice(plan, index, start, this.#model);
    });
    const owner = { task, choices };
    this.#open.set(task.key, owner);
    for (const choice of choices) if (choice.finishReason === undefined) this.#waiting.push({ owner, choice });
    this.#finishIfDone(owner);
  }

  /** What another car says that it had may be anything: with tokens that the network lacks it counts as nothing. */
  #areKnown(choices: readonly (readonly number[])[] | undefined): boolean {
    const size = this.#network.vocabularySize;
    return choices?.every((ids) => ids.every((id) => Number.isInteger(id) && id >= 0 && id < size)) === true;
  }

  /** One forward step: a chunk of a prompt, or a token of each row. */
  async step(): Promise<StepResult> {
    if (this.#prefilling || this.#mayPrefill()) await this.#prefill();
    else {
      this.#join();
      await this.#decode();
    }
    const progress = [...this.#open.values()].flatMap(({ task, choices }) =>
      choices.map((choice) => choice.progress(task.key)).filter((each) => each !== undefined),
    );
    for (const owner of this.#open.values()) this.#finishIfDone(owner);
    const finished = this.#finished;
    this.#finished = [];
    return { progress, finished, open: this.#open.size };
  }

  get #liveRows(): Row[] {
    return (this.#batch?.rows ?? []).filter((row) => row !== undefined);
  }

  /** Rows join in groups, since each joining copies the batch's cache. */
  #mayPrefill(): boolean {
    const next = this.#waiting[0];
    if (!next) return false;
    const rows = [...this.#liveRows, ...this.#ready.map(({ row }) => row)];
    const isJoining = this.#ready.length > 0 || this.#liveRows.length <= Math.floor(this.#mostRows * 0.75);
    if (!isJoining || rows.length >= this.#mostRows) return false;
    const width = Math.max(...[...rows, next].map(({ choice }) => choice.longest));
    return rows.length === 0 || (rows.length + 1) * width <= this.#maxWidthTokens;
  }

  async #prefill(): Promise<void> {
    const current = (this.#prefilling ??= this.#startPrefill());
    if (!current) return;
    const { row } = current;
    const { context, guess } = row.choice;
    const shared = this.#prefixes.sharedLength(
      context,
      this.#waiting.slice(0, NEIGHBOURS).map(({ choice }) => choice.context),
    );
    // The token before a guess is read with it: its logits are the first that the guess is checked by.
    const sure = guess.length > 0 ? context.length - 1 : context.length;
    const stops = [shared, sure].filter((stop) => stop > current.done);
    const tokens = current.done < sure ? context : [...context, ...guess];
    const end = Math.min(tokens.length, current.done + this.#limits.prefillTokens, ...stops);
    try {
      const { kv, logits } = await this.#network.forward({
        tokens: [tokens.slice(current.done, end)],
        past: current.kv,
        wantsLogits: current.done >= sure ? 'each' : end === context.length ? 'last' : 'none',
      });
      const read = end - current.done;
      current.kv = kv;
      current.done = end;
      if (end === shared) this.#prefixes.keep(context.slice(0, shared), kv);
      if (end > sure && guess.length > 0 && logits.length < read) {
        // A network that gives its last logits only cannot check a guess.
        this.#prefilling = undefined;
        row.choice.dropGuess();
        this.#waiting.unshift(row);
      } else if (logits.length > 0) this.#readTo(row, kv, logits);
    } catch (error) {
      this.#prefilling = undefined;
      this.#fail(row.owner, error);
    }
  }

  /**
   * Draws a token from the logits of each that was read.
   *
   *     read     x   g1  g2  g3        of context ...x and guess g1 g2 g3
   *     drawn    g1  g2  y             y is not g3: what was read of g3 counts for nothing
   */
  #readTo(row: Row, kv: KvRows, logits: readonly Float32Array[]): void {
    const { choice } = row;
    let last = 0;
    for (const [index, each] of logits.entries()) {
      const guessed = choice.guess.length;
      choice.next(each);
      last = index;
      if (choice.finishReason !== undefined || choice.guess.length !== guessed - 1) break;
    }
    if (choice.finishReason === undefined && choice.guess.length > 0) return;
    this.#prefilling = undefined;
    if (choice.finishReason !== undefined) return;
    // The row goes on from what it has read and drawn; where it has read too much, it begins again.
    if (last === logits.length - 1) this.#ready.push({ row, kv: { kv, row: 0 } });
    else this.#waiting.unshift(row);
  }

  #startPrefill(): { row: Row; kv: KvRows | undefined; done: number } | undefined {
    const row = this.#waiting.shift();
    if (!row) return undefined;
    const kv = this.#prefixes.find(row.choice.context);
    return { row, kv, done: kv?.width ?? 0 };
  }

  /** Brings the rows that are ready into the batch, and drops those that are finished where they cost too much. */
  #join(): void {
    const live = (this.#batch?.rows ?? []).flatMap((row, index) => (row ? [{ row, index }] : []));
    const isWasteful = this.#wastedRowSteps > live.length;
    if (this.#ready.length === 0 && !isWasteful) return;
    const batch = this.#batch;
    const kept = batch ? live.map(({ row, index }) => ({ row, kv: { kv: batch.kv, row: index } })) : [];
    const joined = [...kept, ...this.#ready];
    this.#ready = [];
    this.#wastedRowSteps = 0;
    const [only] = joined;
    if (!only) this.#batch = undefined;
    else {
      const isWhole = joined.length === 1 && only.kv.kv.lengths.length === 1;
      const kv = isWhole
        ? only.kv.kv
        : gatherRows(
            joined.map((each) => each.kv),
            this.#network.padding,
          );
      this.#batch = { kv, rows: joined.map(({ row }) => row) };
    }
  }

  async #decode(): Promise<void> {
    const batch = this.#batch;
    if (!batch || this.#liveRows.length === 0) {
      this.#batch = undefined;
      return;
    }
    let output;
    try {
      output = await this.#network.forward({
        // What a finished row is told does not matter.
        tokens: batch.rows.map((row) => [row?.choice.tokens.at(-1) ?? 0]),
        past: batch.kv,
        wantsLogits: 'last',
      });
    } catch (error) {
      this.#retreat(error);
      return;
    }
    batch.kv = output.kv;
    for (const [index, row] of batch.rows.entries()) {
      if (!row) this.#wastedRowSteps += 1;
      else this.#choose(row, output.logits[index]);
      if (row?.choice.finishReason !== undefined) batch.rows[index] = undefined;
    }
  }

  #choose(row: Row, logits: Float32Array | undefined): void {
    try {
      row.choice.next(logits ?? new Float32Array());
    } catch (error) {
      this.#fail(row.owner, error);
    }
  }

  /** A step that fails with many rows, for want of memory mostly, is tried again with half as many. */
  #retreat(error: unknown): void {
    const rows = this.#liveRows;
    this.#batch = undefined;
    const [only] = rows;
    if (rows.length === 1 && only) this.#fail(only.owner, error);
    else this.#waiting.unshift(...rows);
    this.#mostRows = Math.max(1, Math.min(this.#mostRows, rows.length) >> 1);
  }

  #fail(owner: OpenTask, error: unknown): void {
    this.#answer(owner, inferenceFailedAnswer(reasonOf(error)));
  }

  #finishIfDone(owner: OpenTask): void {
    if (!this.#open.has(owner.task.key) || owner.choices.some(({ finishReason }) => finishReason === undefined)) return;
    const { task, choices } = owner;
    const [first] = choices;
    const asked = first?.plan.asked;
    const answer =
      first && asked ? responseAnswer(task, asked, first, this.#model) : completionAnswer(task, choices, this.#model);
    const tokens = choices.map((choice) => choice.tokens);
    const replay = task.claimed && { replay: choices.map((choice) => choice.replayed) };
    this.#answer(owner, { ...answer, tokens, ...replay });
  }

  #answer({ task }: OpenTask, answer: Answer): void {
    this.#finished.push({ key: task.key, answer });
    this.#drop(task.key);
  }

  #drop(key: string): void {
    const isOther = (row: Row): boolean => row.owner.task.key !== key;
    this.#open.delete(key);
    this.#waiting = this.#waiting.filter(isOther);
    this.#ready = this.#ready.filter(({ row }) => isOther(row));
    if (this.#prefilling && !isOther(this.#prefilling.row)) this.#prefilling = undefined;
    const rows = this.#batch?.rows ?? [];
    for (const [index, row] of rows.entries()) if (row && !isOther(row)) rows[index] = undefined;
  }
}
