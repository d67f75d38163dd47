import type { Grant } from '../domain/workflows/coSchedule.ts';
import type { InferenceJobInput, JobStatus, SplitBatch } from '../domain/workflows/inferenceJob.ts';
import type { WaveReport } from '../domain/workflows/shardWave.ts';
import { cellOfPlan } from '../domain/names.ts';
import { JobShards } from './inferenceJobState.ts';

/** What a job has been told and how far it is. Knows nothing of Temporal: `inferenceJob` does what follows from it. */
export class JobCourse {
  state: JobStatus['state'] = 'validating';
  /** Undefined until the batch has been split. */
  shards: JobShards | undefined;
  cancelled: boolean;
  paused: boolean;
  /** Kept beside the shards: a grant may come while the batch is still being split. */
  #grants: readonly Grant[];
  #hasNews = false;
  readonly #firstWave: number | undefined;

  constructor(input: InferenceJobInput) {
    this.shards = input.carried && JobShards.restore(input.carried);
    this.cancelled = input.cancelled ?? false;
    this.paused = input.paused ?? false;
    this.#grants = input.grants ?? [];
    this.#firstWave = input.firstWave;
  }

  get grants(): readonly Grant[] {
    return this.#grants;
  }

  get status(): JobStatus {
    return { state: this.state, ...(this.shards?.counts() ?? { shards: 0, pending: 0, inFlight: 0, done: 0 }) };
  }

  get mustLook(): boolean {
    return this.#hasNews || this.cancelled;
  }

  begin(split: SplitBatch): JobShards {
    this.shards = JobShards.fresh(split, this.#firstWave);
    return this.shards;
  }

  /** A plan's grants replace those of the same cell; those of other cells stand until their slot is over. */
  grant(grants: readonly Grant[]): void {
    const cells = new Set(grants.map(({ planId }) => cellOfPlan(planId)));
    const newestMs = Math.max(...grants.map(({ slotStartMs }) => slotStartMs));
    const others = this.#grants.filter(
      ({ planId, slotEndMs }) => !cells.has(cellOfPlan(planId)) && slotEndMs > newestMs,
    );
    this.#grants = [...others, ...grants];
    this.#hasNews = true;
  }

  report(report: WaveReport): void {
    this.shards?.receiveReport(report);
    this.#hasNews = true;
  }

  reopen(shards: readonly number[]): void {
    this.shards?.reopen(shards);
    this.#hasNews = true;
  }

  pause(paused: boolean): void {
    this.paused = paused;
    this.#hasNews = true;
  }

  /** What came up to now has been looked at. */
  looked(): void {
    this.#hasNews = false;
  }

  /** The input of the run that goes on from here: all that was told, and all that is under way. */
  carriedOver(input: InferenceJobInput): InferenceJobInput {
    return {
      ...input,
      ...(this.shards && { carried: this.shards.snapshot() }),
      paused: this.paused,
      cancelled: this.cancelled,
      grants: this.#grants,
    };
  }

  /** Markdown for the operator: how far, and what it waits for. */
  describe({ split }: JobShards): string {
    const { shards, pending, inFlight, done } = this.status;
    const waitsFor = this.paused
      ? 'Paused by its submitter.'
      : inFlight > 0
        ? 'Cars are computing.'
        : pending > 0
          ? 'Waits for a grant: the plan of its cell releases shards when a slot is cheap enough and cars may compute.'
          : '';
    return [
      `**${done} of ${shards} shards answered**, ${inFlight} released, ${pending} waiting for a grant.`,
      waitsFor,
      `Deadline ${new Date(split.deadlineMs).toISOString()} (grid time).`,
    ].join('\n\n');
  }
}
