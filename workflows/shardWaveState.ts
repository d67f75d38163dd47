import { MINUTE_MS } from '../domain/durations.ts';
import { objectKeys } from '../domain/names.ts';
import { linesOfSlice, sliceOf } from '../domain/trust/quorum.ts';
import type { RunShardInput, SliceAccess } from '../domain/shards.ts';
import type { SplitBatch } from '../domain/workflows/inferenceJob.ts';
import type { AcceptedShard, FinishedShard, ShardWaveInput, WaveReport } from '../domain/workflows/shardWave.ts';

/** The argument of `runShard` for one shard of a split batch. */
export function runShardInput(jobId: string, split: SplitBatch, shard: number, access?: SliceAccess): RunShardInput {
  const slice = sliceOf(split, shard);
  return {
    jobId,
    shard,
    model: split.model,
    inputKey: objectKeys.shardInput(jobId, shard),
    ...(slice !== shard && { slice }),
    lines: linesOfSlice(split, slice) + (split.canaries ?? 0),
    linesPerPart: split.linesPerPart,
    deadlineMs: split.deadlineMs,
    ...(split.submittedAtMs !== undefined && { submittedAtMs: split.submittedAtMs }),
    ...(access && { access }),
  };
}

/** What became of each shard of one wave, and what of it the job has not been told yet. */
export class WaveShards {
  readonly #wave: number;
  readonly #total: number;
  readonly #running: Set<number>;
  #unreported = 0;
  #finishedNews: FinishedShard[] = [];
  #returnedNews: number[] = [];
  #failedNews: { shard: number; message: string }[] = [];
  #done = 0;

  constructor(wave: number, shards: readonly number[]) {
    this.#wave = wave;
    this.#total = shards.length;
    this.#running = new Set(shards);
    this.#unreported = shards.length;
  }

  /** Until the job knows of every shard. */
  get open(): boolean {
    return this.#unreported > 0;
  }

  get settled(): boolean {
    return this.#running.size === 0;
  }

  get hasNews(): boolean {
    return this.#finishedNews.length + this.#returnedNews.length + this.#failedNews.length > 0;
  }

  finished(shard: FinishedShard): void {
    this.#running.delete(shard.shard);
    this.#finishedNews.push(shard);
  }

  returned(shard: number): void {
    this.#running.delete(shard);
    this.#returnedNews.push(shard);
  }

  failed(shard: number, message: string): void {
    this.#running.delete(shard);
    this.#failedNews.push({ shard, message });
  }

  takeFinished(): FinishedShard[] {
    return this.#finishedNews.splice(0);
  }

  /** The next report to the job; a shard whose result was refused goes back to be computed again. */
  report(verdicts: readonly AcceptedShard[]): WaveReport {
    const done = verdicts.filter((verdict) => verdict.accepted).map((verdict) => verdict.shard);
    const refused = verdicts.filter((verdict) => !verdict.accepted && !verdict.again);
    const failed = [...this.#failedNews.splice(0), ...refused.map(({ shard, message }) => ({ shard, message }))];
    const again = verdicts.filter((verdict) => !verdict.accepted && verdict.again).map(({ shard }) => shard);
    const returned = [...this.#returnedNews.splice(0), ...again];
    this.#unreported -= done.length + failed.length + returned.length;
    this.#done += done.length;
    return { wave: this.#wave, done, failed, returned };
  }

  /** Markdown for the operator. */
  describe(input: ShardWaveInput, nowMs: number, endsAtMs: number): string {
    const minutesLeft = Math.max(0, Math.round((endsAtMs - nowMs) / MINUTE_MS));
    return [
      `**${this.#done} of ${this.#total} shards answered** on ${input.hardwareClass} cars in ${input.regionId}.`,
      `${this.#running.size} running or waiting for a car to bid. Granted for another ${minutesLeft} min of grid time;`,
      'what is not finished by then goes back to the job with its parts kept.',
    ].join('\n');
  }
}
