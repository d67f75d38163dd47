import pLimit from 'p-limit';
import type { JobPorts } from './jobPorts.ts';
import type { BatchEnd, JobActivities, PreparedBatch } from '../../domain/activities/jobActivities.ts';
import type { JournalLine } from '../../domain/journal.ts';
import { recordAttemptFailure } from '../../store/attemptFailures.ts';
import { acceptedParts, acceptedTotals } from '../../store/acceptedShards.ts';
import { readBatch, updateBatchCounts } from '../../store/batches.ts';
import { appendJournal } from '../../store/journal.ts';
import { upsertJobProgress } from '../../store/jobProgress.ts';
import type { SliceAccess } from '../../domain/shards.ts';
import type { JobStatus, SplitBatch } from '../../domain/workflows/inferenceJob.ts';
import type { AcceptedShard, FinishedShard } from '../../domain/workflows/shardWave.ts';
import { acceptShard, verdictOn } from './acceptShard.ts';
import { assembleBatch } from './assembleBatch.ts';
import { splitBatch } from './splitBatch.ts';

/** A store waits for its disk or its network most of the time that a shard takes. */
const SHARDS_AT_ONCE = 8;

export function createJobActivities(ports: JobPorts): JobActivities {
  const { database } = ports;
  const journal = async (cellId: string, line: Omit<JournalLine, 'atMs'>): Promise<number> =>
    appendJournal(database, cellId, [{ atMs: Math.round(await ports.gridNowMs(cellId)), ...line }]);

  return {
    /** Checks every line of a batch's input and cuts it into shards; a batch with a bad line fails as a whole. */
    async prepareBatch(request: { batchId: string; cellId: string }): Promise<PreparedBatch> {
      const prepared = await splitBatch(ports, request);
      const message =
        prepared.kind === 'refused'
          ? `Batch refused: ${prepared.message}`
          : `Batch of ${prepared.split.lines} requests accepted in ${prepared.split.shards} shards${quorumText(prepared.split)}`;
      await journal(request.cellId, {
        kind: prepared.kind === 'refused' ? 'job_finished' : 'job_accepted',
        subject: request.batchId,
        message,
        dedupeKey: `prepared/${request.batchId}`,
      });
      return prepared;
    },

    /** Writes how far a job is, for the planner and for those who watch. */
    async recordProgress(request: {
      batchId: string;
      cellId: string;
      split: SplitBatch;
      counts: Omit<JobStatus, 'state'>;
      inFlightByRegion?: Readonly<Record<string, number>>;
      paused: boolean;
      finished: boolean;
    }): Promise<void> {
      const { batchId, cellId, split, counts, inFlightByRegion, paused, finished } = request;
      await upsertJobProgress(database, {
        jobId: batchId,
        cellId,
        model: split.model,
        linesPerShard: split.linesPerShard,
        unitsPerLine: split.unitsPerLine ?? 1,
        ...counts,
        ...(inFlightByRegion && { inFlightByRegion }),
        paused,
        finished,
      });
      if (finished) return;
      const { completed, failed } = await acceptedTotals(database, batchId);
      await updateBatchCounts(database, batchId, { total: split.lines, completed, failed, expired: 0 });
    },

    /**
     * Signs for each of the shards that a car may read its input and its model and write its parts.
     * @returns in the order of `shards`
     */
    async signSlices(request: {
      jobId: string;
      split: SplitBatch;
      shards: readonly number[];
      expiresRealMs: number;
    }): Promise<SliceAccess[]> {
      const { carAccess } = ports;
      const { jobId, expiresRealMs, split } = request;
      const { name, version, sha256 } = split.model;
      const scope = { jobId, model: { name, version, sha256 }, expiresRealMs };
      return request.shards.map((shard) => ({
        url: carAccess.url,
        token: carAccess.signer.sign({ ...scope, shard }),
      }));
    },

    /** Verifies finished shards and pays for them, each once. */
    async acceptShards(request: {
      jobId: string;
      cellId: string;
      split: SplitBatch;
      shards: readonly FinishedShard[];
    }): Promise<AcceptedShard[]> {
      const accepted = await acceptedParts(database, request.jobId);
      const accepting = pLimit(SHARDS_AT_ONCE);
      const verdicts = await Promise.all(
        request.shards.map((finished) =>
          accepting(async () =>
            accepted.has(finished.shard)
              ? { shard: finished.shard, accepted: true, message: '' }
              : verdictOn(finished.shard, () => acceptShard(ports, request, finished)),
          ),
        ),
      );
      for (const { accepted: stands, message } of verdicts) {
        if (!stands) await recordAttemptFailure(database, request.jobId, message);
      }
      return verdicts;
    },

    /** Writes the output and error files: an answer or an error for each line, in the order of the input. */
    async finishBatch(request: {
      batchId: string;
      cellId: string;
      split: SplitBatch;
      outcome: BatchEnd;
    }): Promise<void> {
      const { batchId, cellId, outcome } = request;
      const counts = await assembleBatch(ports, request);
      const batch = await readBatch(database, batchId);
      await journal(cellId, {
        kind: 'job_finished',
        subject: batchId,
        message:
          `Batch ${batch?.status ?? outcome}: ${counts.completed} answered, ` +
          `${counts.failed} failed, ${counts.expired} without an answer`,
        dedupeKey: `finished/${batchId}`,
      });
    },
  };
}

function quorumText({ quorum = 1 }: SplitBatch): string {
  return quorum === 1 ? '' : `: ${quorum} cars answer each line`;
}
