import { answerIds, answerLine, claimedTokens, type ReplayedChoice } from '../../domain/answerLine.ts';
import { batchRequestLineSchema } from '../../domain/batchLines.ts';
import type { LineRange } from '../../domain/names.ts';
import { objectKeys } from '../../domain/names.ts';
import { sliceOf } from '../../domain/trust/quorum.ts';
import type { SplitBatch } from '../../domain/workflows/inferenceJob.ts';
import { sha256Of } from '../../store/answeredLines.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import type { LineCorrection } from '../../store/shareChecks.ts';
import type { TrustedRunner, TrustedTask } from './trustPorts.ts';

export interface ShardRequests {
  readonly jobId: string;
  readonly shard: number;
  readonly split: SplitBatch;
  /** The shard's request lines, all of them, as texts. */
  readonly requests: readonly string[];
  /** Numbers of lines that are canaries. */
  readonly canaries: ReadonlySet<number>;
}

/** What a trusted computer answers to these lines of a shard, as lines of an output file, by line number. */
export async function trustedAnswers(
  trusted: TrustedRunner,
  shardRequests: Omit<ShardRequests, 'canaries'>,
  lines: readonly number[],
): Promise<TrustedLines<string>> {
  const { jobId, shard, split } = shardRequests;
  const asked = lines.map((line) => taskOf(shardRequests, line));
  const { answers, deviceMs } = await trusted.answers(
    split.model,
    asked.map(({ task }) => task),
  );
  const texts = asked.flatMap(({ line, customId }, index) => {
    const answer = answers[index];
    return answer ? [[line, answerLine(jobId, sliceOf(split, shard), line, customId, answer)] as const] : [];
  });
  return { byLine: new Map(texts), deviceMs };
}

export interface TrustedLines<Line> {
  /** By line number. */
  readonly byLine: ReadonlyMap<number, Line>;
  /** How long the trusted computer computed, real time. */
  readonly deviceMs: number;
}

/** A line that a trusted computer has made of the tokens that a car gave for it, and how those hold. */
export interface RereadLine {
  readonly text: string;
  /** Undefined for an error, which has no tokens. */
  readonly replay: readonly ReplayedChoice[] | undefined;
}

/** Has a trusted computer read the tokens that a car's lines are made of. @param answers the car's, by line number */
export async function rereadAnswers(
  trusted: TrustedRunner,
  shardRequests: ShardRequests,
  answers: ReadonlyMap<number, string>,
): Promise<TrustedLines<RereadLine>> {
  const { jobId, shard, split } = shardRequests;
  const asked = [...answers].map(([line, text]) => ({
    ...taskOf(shardRequests, line),
    claimed: claimedTokens(text) ?? [],
  }));
  const reread = await trusted.reread(
    split.model,
    asked.map(({ task, claimed }) => ({ ...task, claimed })),
  );
  const read = asked.flatMap(({ line, customId }, index) => {
    const answer = reread.answers[index];
    if (!answer) return [];
    const told = answerLine(jobId, sliceOf(split, shard), line, customId, answer);
    return [[line, { text: told, replay: answer.replay }] as const];
  });
  return { byLine: new Map(read), deviceMs: reread.deviceMs };
}

export function taskOf(
  { jobId, shard, split, requests }: Omit<ShardRequests, 'canaries'>,
  line: number,
): { readonly line: number; readonly customId: string; readonly task: TrustedTask } {
  const { custom_id: customId, body } = batchRequestLineSchema.parse(JSON.parse(requests[line] ?? ''));
  const createdAtSeconds = Math.floor((split.submittedAtMs ?? 0) / 1_000);
  return {
    line,
    customId,
    task: { jobId, id: answerIds(jobId, sliceOf(split, shard), line).requestId, body, createdAtSeconds },
  };
}

/**
 * Stores trusted answers as parts of their own, a line each, under names that no car can write.
 * @returns what stands in the place of cars' answers when it is accepted
 */
export async function storeCorrections(
  objects: Pick<ObjectStore, 'put'>,
  jobId: string,
  shard: number,
  answers: ReadonlyMap<number, string>,
): Promise<LineCorrection[]> {
  const corrections: LineCorrection[] = [];
  for (const [line, text] of answers) {
    const body = Buffer.from(`${text}\n`);
    await objects.put(objectKeys.part(jobId, shard, rangeOf(line), undefined), body);
    corrections.push({ line, sha256: sha256Of(body) });
  }
  return corrections;
}

/** A correction as a part of an accepted shard. */
export function correctedPart({ line, sha256 }: LineCorrection): LineRange & { readonly sha256: string } {
  return { ...rangeOf(line), sha256 };
}

function rangeOf(line: number): LineRange {
  return { start: line, end: line + 1 };
}
