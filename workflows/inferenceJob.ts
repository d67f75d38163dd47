import {
  allHandlersFinished,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  ParentClosePolicy,
  patched,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  startChild,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { MINUTE_MS } from '../domain/durations.ts';
import type { JobActivities } from '../domain/activities/jobActivities.ts';
import type { TrustActivities } from '../domain/activities/trustActivities.ts';
import type { WebhookActivities } from '../domain/activities/webhookActivities.ts';
import { gridTimeMs, realDelayUntilMs, realDurationMs } from '../domain/clock.ts';
import { workflowIds } from '../domain/names.ts';
import { BATCH_OPTIONS, CHECK_OPTIONS, CONTROL_OPTIONS, WEBHOOK_OPTIONS } from './activityOptions.ts';
import { checkAnswers } from './checkAnswers.ts';
import type { JobShards, WaveOrder } from './inferenceJobState.ts';
import { JobCourse } from './jobCourse.ts';
import { ProgressWriter } from './progressWriter.ts';
import type { InferenceJobInput, JobStatus } from '../domain/workflows/inferenceJob.ts';
import {
  cancelRequested,
  granted,
  jobStatus,
  pauseRequested,
  replanRequested,
  shardsReopened,
  waveExtended,
  waveReported,
  waveStopped,
} from './messages.ts';
import { attributes } from './searchAttributes.ts';
import { recallWorkOf } from './recallWorkOf.ts';
import { shardWave } from './shardWave.ts';

const { prepareBatch, finishBatch } = proxyActivities<JobActivities>(BATCH_OPTIONS);
const { recordProgress } = proxyActivities<JobActivities>(CONTROL_OPTIONS);
const { correctBatch } = proxyActivities<TrustActivities>(CHECK_OPTIONS);

const { webhooksOf } = proxyActivities<WebhookActivities>(CONTROL_OPTIONS);
const { postWebhook } = proxyActivities<WebhookActivities>(WEBHOOK_OPTIONS);

/** Grid time that a wave may be silent after its end before its shards are taken back. */
const SILENT_WAVE_GRACE_MS = 30 * MINUTE_MS;

/** Real time for stopped waves to hand in what they have, however fast the grid's clock runs. */
const STOP_GRACE_REAL_MS = 2000;

/**
 * Every request of the batch is answered exactly once, or reported as expired, failed or cancelled, and nothing that
 * is finished is lost. Does not push work at cars: it releases just as many shards as the plan grants.
 */
export async function inferenceJob(input: InferenceJobInput): Promise<void> {
  const course = new JobCourse(input);
  setHandler(granted, (grants) => course.grant(grants));
  setHandler(waveReported, (report) => course.report(report));
  setHandler(cancelRequested, () => {
    course.cancelled = true;
  });
  setHandler(pauseRequested, ({ paused }) => course.pause(paused));
  setHandler(shardsReopened, ({ shards }) => course.reopen(shards));
  setHandler(jobStatus, () => course.status);

  const shards = course.shards ?? (await prepare(input, course));
  if (shards) {
    enter(course, 'waiting');
    await work(input, course, shards);
  }
  await announceEnd(input.batchId);
}

/** @returns undefined when the batch was refused */
async function prepare(input: InferenceJobInput, course: JobCourse): Promise<JobShards | undefined> {
  const { batchId, cellId } = input;
  enter(course, 'validating');
  setCurrentDetails('Reading the input file: checking every line, cutting it into shards.');
  const prepared = await prepareBatch({ batchId, cellId });
  if (prepared.kind === 'refused') return undefined;
  const shards = course.begin(prepared.split);
  upsertSearchAttributes([{ key: attributes.deadline, value: new Date(prepared.split.deadlineMs) }]);
  await recordProgress(progressOf(input, course, shards));
  await replan(cellId, `job ${batchId} has ${prepared.split.shards} shards`);
  return shards;
}

async function work(input: InferenceJobInput, course: JobCourse, shards: JobShards): Promise<void> {
  const { batchId, cellId, clock } = input;
  const { deadlineMs } = shards.split;
  const now = (): number => gridTimeMs(clock, Date.now());
  const progress = new ProgressWriter(() => recordProgress(progressOf(input, course, shards)));

  while (!shards.finished && !course.cancelled && now() < deadlineMs) {
    if (course.paused) await holdBack(input, course, shards);
    else await release(input, course, shards, now());
    setCurrentDetails(course.describe(shards));
    const wakeAtMs = Math.min(deadlineMs, shards.nextWatchdogMs(SILENT_WAVE_GRACE_MS) ?? deadlineMs);
    await condition(() => course.mustLook, realDelayUntilMs(clock, wakeAtMs, Date.now()));
    course.looked();
    progress.outdated();
    shards.giveUpSilentWaves(now(), SILENT_WAVE_GRACE_MS);
    if (workflowInfo().continueAsNewSuggested) {
      await condition(() => allHandlersFinished() && progress.isIdle);
      await continueAsNew<typeof inferenceJob>(course.carriedOver(input));
    }
  }

  enter(course, 'finalizing');
  await stopWaves(batchId, shards);
  // Waves that were stopped still hand in what their cars had finished.
  const graceRealMs = realDurationMs(clock, SILENT_WAVE_GRACE_MS) + STOP_GRACE_REAL_MS;
  await condition(() => shards.openWaves.length === 0, graceRealMs);
  const outcome = course.cancelled ? 'cancelled' : shards.finished ? 'completed' : 'expired';
  setCurrentDetails(`Every line has its answer or its error. Writing the output files (${outcome}).`);
  const { split } = shards;
  // Waves check what they hand in; this is for what cars stored and no wave handed in.
  if (split.checked) await recallWorkOf(await checkAnswers({ jobId: batchId, cellId, split, shards: null }), cellId);
  await finishBatch({ batchId, cellId, split, outcome });
  // Of cars that were caught too late for others to compute it again.
  if (split.checked) await correctBatch({ batchId, cellId });
  await progress.end();
  await recordProgress({ ...progressOf(input, course, shards), paused: false, finished: true });
  enter(course, 'ended');
  await replan(cellId, `job ${batchId} ended: ${outcome}`);
}

/** What is in the cars' hands comes back with its parts kept. */
async function holdBack({ batchId }: InferenceJobInput, course: JobCourse, shards: JobShards): Promise<void> {
  if (course.state === 'paused') return;
  enter(course, 'paused');
  await stopWaves(batchId, shards);
}

async function release(input: InferenceJobInput, course: JobCourse, shards: JobShards, nowMs: number): Promise<void> {
  if (course.state === 'paused') {
    enter(course, 'waiting');
    await replan(input.cellId, `job ${input.batchId} was resumed`);
  }
  const orders = shards.release(course.grants, nowMs);
  // Together: one after the other, extensions would come after the slot's end and the cars would stand still.
  await Promise.all(orders.map((order) => carryOut(input, shards, order)));
  if (orders.length > 0 && course.state === 'waiting') enter(course, 'running');
}

async function carryOut(input: InferenceJobInput, { split }: JobShards, order: WaveOrder): Promise<void> {
  const { batchId, cellId, clock } = input;
  if (order.kind === 'extend') {
    const running = getExternalWorkflowHandle(waveId(batchId, order.wave));
    await running.signal(waveExtended, { endsAtMs: order.endsAtMs }).catch(() => undefined);
    return;
  }
  const { wave, regionId, hardwareClass, shards } = order.wave;
  await startChild(shardWave, {
    workflowId: waveId(batchId, wave),
    args: [{ ...order.wave, jobId: batchId, cellId, split, clock }],
    // Waves outlive a continue-as-new of their job.
    parentClosePolicy: ParentClosePolicy.ABANDON,
    staticSummary: `${shards.length} shards on ${hardwareClass} in ${regionId}`,
    typedSearchAttributes: [
      { key: attributes.jobId, value: batchId },
      { key: attributes.regionId, value: regionId },
      { key: attributes.hardwareClass, value: hardwareClass },
    ],
  });
}

async function stopWaves(batchId: string, shards: JobShards): Promise<void> {
  for (const wave of shards.openWaves) {
    await getExternalWorkflowHandle(waveId(batchId, wave))
      .signal(waveStopped)
      .catch(() => undefined);
  }
}

function enter(course: JobCourse, state: JobStatus['state']): void {
  course.state = state;
  upsertSearchAttributes([{ key: attributes.jobState, value: state }]);
}

function progressOf({ batchId, cellId }: InferenceJobInput, { paused }: JobCourse, shards: JobShards) {
  const inFlightByRegion = shards.inFlightByRegion();
  return { batchId, cellId, split: shards.split, counts: shards.counts(), inFlightByRegion, paused, finished: false };
}

async function replan(cellId: string, cause: string): Promise<void> {
  await getExternalWorkflowHandle(workflowIds.cell(cellId))
    .signal(replanRequested, { cause })
    .catch(() => undefined);
}

/** Tells those who wanted to hear of it. One that does not answer for a day is given up; the batch is done all the same. */
async function announceEnd(batchId: string): Promise<void> {
  // Histories of jobs that ended before there were webhooks end without this.
  if (!patched('announce-end')) return;
  const endpoints = await webhooksOf({ batchId });
  await Promise.all(endpoints.map((endpointId) => postWebhook({ batchId, endpointId }).catch(() => undefined)));
}

function waveId(batchId: string, wave: number): string {
  return `${workflowIds.job(batchId)}/wave/${wave}`;
}
