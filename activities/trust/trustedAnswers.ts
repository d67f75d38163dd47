import { answerIds, answerLine } from '../../domain/answerLine.ts';
import { batchRequestLineSchema } from '../../domain/batchLines.ts';
import type { LineRange } from '../../domain/names.ts';
import { objectKeys } from '../../domain/names.ts';
import type { SplitBatch } from '../../domain/workflows/inferenceJob.ts';
import { sha256Of } from '../../store/answeredLines.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import type { LineCorrection } from '../../store/shareChecks.ts';
import type { TrustedRunner } from './trustPorts.ts';

export interface ShardRequests {
  readonly jobId: string;
  readonly shard: number;
  readonly split: SplitBatch;
  /** The shard's request lines, all of them, as texts. */
  readonly requests: readonly string[];
}

/** What a trusted computer answers to these lines of a shard, as lines of an output file, by line number. */
export async function trustedAnswers(
  trusted: TrustedRunner,
  { jobId, shard, split, requests }: ShardRequests,
  lines: readonly number[],
): Promise<ReadonlyMap<number, string>> {
  const asked = lines.map((line) => ({ line, ...batchRequestLineSchema.parse(JSON.parse(requests[line] ?? '')) }));
  const answers = await trusted.answers(
    split.model,
    asked.map(({ line, body }) => ({
      jobId,
      id: answerIds(jobId, shard, line).requestId,
      body,
      createdAtSeconds: Math.floor((split.submittedAtMs ?? 0) / 1_000),
    })),
  );
  return new Map(
    asked.flatMap(({ line, custom_id }, index) => {
      const answer = answers[index];
      return answer ? [[line, answerLine(jobId, shard, line, custom_id, answer)] as const] : [];
    }),
  );
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
