import { parseAnswerLine } from '../../domain/batchLines.ts';
import type { PricedUnit } from '../../domain/priceBook.ts';
import type { PartReceipt } from '../../domain/shards.ts';
import { inOrder } from './shardParts.ts';

/** More than any context holds: a car that writes another figure is not taken at its word. */
const MAX_TOKENS = 10_000_000;

export interface CountedAnswers {
  /** Lines that were answered, with errors too. */
  readonly answered: number;
  /** Lines that were answered with an error. */
  readonly failed: number;
  /** What the submitter pays for of each car's answers; errors are free. */
  readonly units: ReadonlyMap<string, number>;
  /** As the answers say themselves; 0 where they count no tokens. */
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/**
 * Counts a shard's answers, each line once, for the car to which it is attributed.
 * @param lines those of `good[i]` are `lines[i]`
 * @param canaries numbers of lines that are not the submitter's: they count for nothing
 */
export function countAnswers(
  good: readonly PartReceipt[],
  lines: readonly (readonly string[])[],
  unit: PricedUnit,
  canaries: ReadonlySet<number> = new Set(),
): CountedAnswers {
  const linesOf = new Map(good.map((receipt, index) => [receipt, lines[index] ?? []]));
  const counted = new Set<number>(canaries);
  const units = new Map<string, number>();
  let answered = 0;
  let failed = 0;
  let inputTokens = 0;
  let outputTokens = 0;
  for (const receipt of inOrder(good)) {
    for (const [offset, line] of linesOf.get(receipt)?.entries() ?? []) {
      const number = receipt.range.start + offset;
      if (counted.has(number)) continue;
      counted.add(number);
      answered++;
      const { response } = parseAnswerLine(line);
      if ((response?.status_code ?? 0) >= 400) {
        failed++;
        continue;
      }
      const counts = countAnswer(response?.body, unit);
      inputTokens += counts.inputTokens;
      outputTokens += counts.outputTokens;
      units.set(receipt.vehicleId, (units.get(receipt.vehicleId) ?? 0) + counts.units);
    }
  }
  return { answered, failed, units, inputTokens, outputTokens };
}

/** What one answer counts for. */
export function countAnswer(
  body: unknown,
  unit: PricedUnit,
): Pick<CountedAnswers, 'inputTokens' | 'outputTokens'> & { readonly units: number } {
  const total = tokensOf(body, 'total_tokens');
  const outputTokens = Math.min(total, tokensOf(body, 'completion_tokens', 'output_tokens'));
  return { inputTokens: total - outputTokens, outputTokens, units: unitsOfAnswer(body, unit) };
}

function unitsOfAnswer(body: unknown, unit: PricedUnit): number {
  switch (unit) {
    case 'tokens':
      return tokensOf(body, 'total_tokens');
    case 'embedding_inputs': {
      const data = fieldOf(body, 'data');
      return Array.isArray(data) ? data.length : 0;
    }
    case 'pages':
    case 'requests':
      return 1;
    default:
      return unit satisfies never;
  }
}

/** @param names of the field in `usage`, which responses call otherwise than chats */
function tokensOf(body: unknown, ...names: readonly string[]): number {
  const usage = fieldOf(body, 'usage');
  const tokens = names.map((name) => fieldOf(usage, name)).find((value) => value !== undefined);
  return typeof tokens === 'number' && Number.isInteger(tokens) && tokens >= 0 ? Math.min(tokens, MAX_TOKENS) : 0;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
