import { createHash } from 'node:crypto';

import type { BatchEnd } from '../../domain/activities/jobActivities.ts';
import { customIdOf, parseAnswerLine, requestLinesOf, type BatchAnswerLine } from '../../domain/batchLines.ts';
import { objectKeys, resultFileId } from '../../domain/names.ts';
import { linesOfSlice, shardsOfSlice, sliceOf } from '../../domain/trust/quorum.ts';
import type { SplitBatch } from '../../domain/workflows/inferenceJob.ts';
import type { AcceptedPart } from '../../store/acceptedShards.ts';
import { readSliceAnswers } from '../../store/answeredLines.ts';
import { readBatch, updateBatchCounts, type BatchCounts } from '../../store/batches.ts';
import { insertFile } from '../../store/files.ts';
import { unlessNotFound } from '../../store/objectStore.ts';
import { readSliceKey } from '../../store/sliceKeys.ts';
import { sliceReader } from '../../store/slices.ts';
import type { JobPorts } from './jobPorts.ts';

/** Why a line has no answer, by how the batch ended, in the codes of the Batch API. */
const UNANSWERED = {
  completed: { code: 'request_failed', message: 'This request could not be executed on any car.' },
  expired: {
    code: 'batch_expired',
    message: 'This request could not be executed before the completion window expired.',
  },
  cancelled: { code: 'batch_cancelled', message: 'This request was not executed because the batch was cancelled.' },
} as const satisfies Record<BatchEnd, { code: string; message: string }>;

export interface FinishedBatch {
  readonly batchId: string;
  readonly cellId: string;
  readonly split: SplitBatch;
  readonly outcome: BatchEnd;
}

/** The files that were written; a file that would be empty is left out. */
export interface WrittenResults {
  readonly counts: BatchCounts;
  readonly outputFileId?: string;
  readonly errorFileId?: string;
}

/**
 * Writes the output and error files of a batch from the parts of its shards, and counts what is in them. Running it again
 * writes over what is there.
 */
export async function writeResults(
  { database, objects }: JobPorts,
  { batchId, split, outcome }: FinishedBatch,
  parts: ReadonlyMap<number, readonly AcceptedPart[]>,
): Promise<WrittenResults> {
  const counts = { total: split.lines, completed: 0, failed: 0, expired: 0 };

  const lines = async function* (wanted: 'answers' | 'errors'): AsyncGenerator<Uint8Array> {
    const read = sliceReader(objects, batchId, split);
    for (let slice = 0; slice < sliceOf(split, split.shards); slice++) {
      const shards = shardsOfSlice(split, slice);
      const answered = await readSliceAnswers(objects, batchId, shards, parts, split);
      const input = await unlessNotFound(read(shards[0] ?? slice));
      const key = await readSliceKey(objects, split, batchId, slice);
      const customIds = key?.flatMap((customId) => customId ?? []) ?? (input && requestLinesOf(input).map(customIdOf));
      for (let index = 0; index < linesOfSlice(split, slice); index++) {
        const customId = customIds?.[index];
        const answer = answered.get(index);
        const isAnswer = answer !== undefined && isSuccess(answer);
        if (wanted === 'answers') count(counts, answer, isAnswer, outcome);
        if (isAnswer !== (wanted === 'answers')) continue;
        // Of a slice that is lost nobody knows the custom_ids; such a line is counted all the same.
        const line = answer ?? (customId === undefined ? undefined : unanswered(batchId, customId, outcome));
        if (line !== undefined) yield Buffer.from(`${line}\n`);
      }
    }
  };

  const write = async (kind: 'output' | 'error', body: AsyncIterable<Uint8Array>): Promise<string> => {
    const id = resultFileId(batchId, kind);
    const objectKey = objectKeys.file(id);
    const bytes = await objects.putStream(objectKey, body);
    const filename = `${batchId}_${kind}.jsonl`;
    const batch = await readBatch(database, batchId);
    if (!batch) throw new Error(`batch ${batchId} is not stored`);
    const { tenantId, outputExpiresAfterSeconds: lifeSeconds } = batch;
    await insertFile(database, { id, filename, purpose: 'batch_output', bytes, objectKey, tenantId, lifeSeconds });
    return id;
  };

  const outputFileId = await write('output', lines('answers'));
  const hasErrors = counts.completed < counts.total;
  const errorFileId = hasErrors ? await write('error', lines('errors')) : undefined;
  await updateBatchCounts(database, batchId, counts);
  return { counts, ...(counts.completed > 0 ? { outputFileId } : {}), ...(errorFileId ? { errorFileId } : {}) };
}

function count(
  counts: { completed: number; failed: number; expired: number },
  answer: string | undefined,
  isAnswer: boolean,
  outcome: BatchEnd,
): void {
  if (isAnswer) counts.completed++;
  else if (answer !== undefined || outcome === 'completed') counts.failed++;
  else counts.expired++;
}

function isSuccess(line: string): boolean {
  const { response } = parseAnswerLine(line);
  return response !== null && response.status_code < 400;
}

function unanswered(batchId: string, customId: string, outcome: BatchEnd): string {
  const id = `batch_req_${createHash('sha256').update(`${batchId}/${customId}`).digest('hex').slice(0, 24)}`;
  const line: BatchAnswerLine = { id, custom_id: customId, response: null, error: UNANSWERED[outcome] };
  return JSON.stringify(line);
}
