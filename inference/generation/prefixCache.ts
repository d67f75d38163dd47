import { gatherRows, type KvRows, type Padding } from './kvRows.ts';

/** Shorter beginnings are read again as fast as their cache is copied. */
const MIN_SHARED_TOKENS = 16;
/** A batch has one system prompt; live requests beside it may have another. */
const KEPT_PREFIXES = 2;

interface Prefix {
  readonly tokens: readonly number[];
  readonly kv: KvRows;
}

/** Beginnings that several prompts have in common, mostly a system prompt: what the network made of them is kept. */
export class PrefixCache {
  readonly #padding: Padding;
  #prefixes: Prefix[] = [];

  constructor(padding: Padding) {
    this.#padding = padding;
  }

  /** How much of a prompt others begin with too; 0 when it is not worth keeping, or is kept already. */
  sharedLength(tokens: readonly number[], others: readonly (readonly number[])[]): number {
    // The last token is always read, since it gives the logits.
    const most = others.reduce((length, other) => Math.max(length, commonLength(tokens, other)), 0);
    const shared = Math.min(most, tokens.length - 1);
    const isKept = this.#prefixes.some(({ tokens: kept }) => commonLength(kept, tokens) >= shared);
    return shared < MIN_SHARED_TOKENS || isKept ? 0 : shared;
  }

  /** @param kv of one row that holds just these tokens */
  keep(tokens: readonly number[], kv: KvRows): void {
    this.#prefixes = [{ tokens, kv }, ...this.#prefixes].slice(0, KEPT_PREFIXES);
  }

  /** What is kept of the longest beginning of the prompt; a row of its own. */
  find(tokens: readonly number[]): KvRows | undefined {
    const found = this.#prefixes
      .map((prefix) => ({ prefix, length: Math.min(commonLength(prefix.tokens, tokens), tokens.length - 1) }))
      .sort((a, b) => b.length - a.length)[0];
    if (!found || found.length < MIN_SHARED_TOKENS) return undefined;
    const { prefix, length } = found;
    this.#prefixes = [prefix, ...this.#prefixes.filter((each) => each !== prefix)];
    if (length === prefix.kv.width) return prefix.kv;
    return gatherRows([{ kv: prefix.kv, row: 0, length }], this.#padding);
  }
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length += 1;
  return length;
}
