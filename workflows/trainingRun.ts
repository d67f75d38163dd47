import {
  allHandlersFinished,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  ParentClosePolicy,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  startChild,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { OpenedRound, RoundOutcome, TrainingActivities } from '../domain/activities/trainingActivities.ts';
import { realDurationMs } from '../domain/clock.ts';
import { MINUTE_MS } from '../domain/durations.ts';
import { workflowIds } from '../domain/names.ts';
import type { TrainingState } from '../domain/training.ts';
import type { TrainingRunInput } from '../domain/workflows/trainingRun.ts';
import { CONTROL_OPTIONS, TRAINING_OPTIONS } from './activityOptions.ts';
import { inferenceJob } from './inferenceJob.ts';
import { cancelRequested, pauseRequested, trainingCancelled, trainingPaused, trainingStatus } from './messages.ts';
import { attributes } from './searchAttributes.ts';

const { prepareRun, openRound, advanceRound, closeRound } = proxyActivities<TrainingActivities>(TRAINING_OPTIONS);
const { recordTrainingState } = proxyActivities<TrainingActivities>(CONTROL_OPTIONS);

/** Grid time after which a run that waits for cars looks again. */
const LOOK_AGAIN_MS = 15 * MINUTE_MS;
const SHORTEST_WAIT_REAL_MS = 1_000;

/**
 * Every round is taken once, on whatever cars are there, and what it came to is kept: a coordinator that dies in a round
 * goes on with that round. A round's work is a batch, and all that holds for batches holds for it: windows, deadlines,
 * prices, checks, pay.
 */
export async function trainingRun(input: TrainingRunInput): Promise<void> {
  await new TrainingCourse(input).run();
}

class TrainingCourse {
  readonly #input: TrainingRunInput;
  readonly #open = new Map<number, OpenedRound>();
  #next: number;
  #paused: boolean;
  #cancelled = false;
  #changed = false;
  #last: RoundOutcome | null = null;
  /** Rounds close one after the other: each makes its weights from those before. */
  #closing: Promise<void> = Promise.resolve();
  #failure: string | undefined;
  #state: TrainingState = 'waiting';

  constructor(input: TrainingRunInput) {
    this.#input = input;
    this.#next = input.nextRound;
    this.#paused = input.paused ?? false;
  }

  async run(): Promise<void> {
    const { runId } = this.#input;
    setHandler(trainingPaused, async ({ paused }) => {
      this.#paused = paused;
      this.#changed = true;
      await this.#tellBatches((job) => job.signal(pauseRequested, { paused }));
    });
    setHandler(trainingCancelled, async () => {
      this.#cancelled = true;
      this.#changed = true;
      await this.#tellBatches((job) => job.signal(cancelRequested));
    });
    setHandler(trainingStatus, () => ({
      nextRound: this.#next,
      open: [...this.#open.keys()],
      paused: this.#paused,
      last: this.#last,
    }));
    if (this.#input.prepared !== true) {
      await this.#enter('waiting', 'Reading the model and the examples.');
      this.#failure = await prepareRun({ runId });
    }
    await this.#rounds();
    await condition(() => allHandlersFinished());
    if (this.#failure !== undefined) await this.#enter('failed', this.#failure);
    else if (this.#cancelled) await this.#enter('cancelled', `Cancelled after round ${this.#next - 1}.`);
    else await this.#enter('completed', `All ${this.#input.rounds} rounds are done.`);
  }

  async #rounds(): Promise<void> {
    const { rounds, overlap } = this.#input;
    while (this.#failure === undefined && !this.#cancelled && (this.#next <= rounds || this.#open.size > 0)) {
      let waits = false;
      this.#changed = false;
      if (this.#paused) await this.#enter('paused', `Paused before round ${this.#next} of ${rounds}.`);
      else if (this.#state === 'paused') await this.#enter('training', 'Resumed.');
      while (!this.#mustLook && !waits && this.#open.size < overlap && this.#next <= rounds) {
        waits = !(await this.#begin());
      }
      const again = waits
        ? Math.max(SHORTEST_WAIT_REAL_MS, realDurationMs(this.#input.clock, LOOK_AGAIN_MS))
        : undefined;
      await this.#untilChanged(again);
      if (this.#open.size === 0 && workflowInfo().continueAsNewSuggested) await this.#goOnAnew();
    }
    await condition(() => this.#open.size === 0);
    await this.#closing;
  }

  get #mustLook(): boolean {
    return this.#paused || this.#cancelled || this.#failure !== undefined;
  }

  async #untilChanged(realMs: number | undefined): Promise<void> {
    const changed = (): boolean => this.#changed;
    if (realMs === undefined) await condition(changed);
    else await condition(changed, realMs);
  }

  /** @returns whether a round was begun */
  async #begin(): Promise<boolean> {
    const { runId, rounds } = this.#input;
    const next = await openRound({ runId, round: this.#next });
    if (next.kind === 'failed') this.#failure = next.why;
    if (next.kind === 'waiting') await this.#enter('waiting', next.why);
    if (next.kind !== 'opened') {
      this.#changed ||= next.kind === 'failed';
      return false;
    }
    const { opened } = next;
    this.#next += 1;
    this.#open.set(opened.round, opened);
    await this.#enter('training', `Round ${opened.round} of ${rounds}: ${opened.clients} clients. ${this.#lastText()}`);
    void this.#take(opened);
    return true;
  }

  async #take(opened: OpenedRound): Promise<void> {
    const { runId } = this.#input;
    const { round } = opened;
    try {
      if (opened.batchIds) await this.#takePhases(opened, opened.batchIds);
      else await this.#compute(round, opened.batchId);
      this.#closing = this.#closing.then(async () => {
        this.#last = await closeRound({ runId, round });
      });
      await this.#closing;
    } catch (error) {
      this.#failure ??= `Round ${round} failed: ${String(error)}`;
    }
    this.#open.delete(round);
    this.#changed = true;
  }

  /** A round on cars' own data: a batch for each car, phase by phase. */
  async #takePhases(opened: OpenedRound, first: readonly string[]): Promise<void> {
    const { runId } = this.#input;
    const { round } = opened;
    let batchIds = first;
    for (let phase = 1; batchIds.length > 0; phase++) {
      this.#open.set(round, { ...opened, batchIds });
      await Promise.all(batchIds.map((batchId) => this.#compute(round, batchId)));
      await condition(() => !this.#paused || this.#cancelled);
      batchIds = this.#cancelled ? [] : await advanceRound({ runId, round, phase });
    }
  }

  async #compute(round: number, batchId: string): Promise<void> {
    const { runId, cellId, clock } = this.#input;
    const job = await startChild(inferenceJob, {
      workflowId: workflowIds.job(batchId),
      args: [{ batchId, cellId, clock }],
      // It ends by itself, and pays, whatever becomes of the run.
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `Round ${round} of ${runId}`,
      typedSearchAttributes: [
        { key: attributes.cellId, value: cellId },
        { key: attributes.jobId, value: batchId },
      ],
    });
    await job.result();
  }

  #lastText(): string {
    if (!this.#last) return '';
    const { round, updates, clients, trainLoss, testAccuracy } = this.#last;
    const accuracy = testAccuracy === null ? '' : `, accuracy ${(100 * testAccuracy).toFixed(1)} %`;
    return `Round ${round}: ${updates} of ${clients} updates, loss ${trainLoss?.toFixed(3) ?? '-'}${accuracy}.`;
  }

  async #enter(state: TrainingState, message: string): Promise<void> {
    this.#state = state;
    setCurrentDetails(message);
    upsertSearchAttributes([{ key: attributes.jobState, value: state }]);
    await recordTrainingState({ runId: this.#input.runId, state, message });
  }

  async #tellBatches(tell: (job: ReturnType<typeof getExternalWorkflowHandle>) => Promise<void>): Promise<void> {
    for (const { batchId, batchIds = [batchId] } of this.#open.values()) {
      // One that has just ended is told nothing.
      for (const id of batchIds) await tell(getExternalWorkflowHandle(workflowIds.job(id))).catch(() => undefined);
    }
  }

  async #goOnAnew(): Promise<void> {
    await condition(() => allHandlersFinished());
    await continueAsNew<typeof trainingRun>({
      ...this.#input,
      nextRound: this.#next,
      paused: this.#paused,
      prepared: true,
    });
  }
}
