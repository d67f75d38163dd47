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
import type { JobActivities } from '../domain/activities/jobActivities.ts';
import type { WebhookActivities } from '../domain/activities/webhookActivities.ts';
import { gridTimeMs, realDelayUntilMs, realDurationMs } from '../domain/clock.ts';
import { workflowIds } from '../domain/names.ts';
import { BATCH_OPTIONS, CONTROL_OPTIONS, WEBHOOK_OPTIONS } from './activityOptions.ts';
import { JobShards, type WaveOrder } from './inferenceJobState.ts';
import type { Grant } from '../domain/workflows/coSchedule.ts';
import type { InferenceJobInput, JobStatus } from '../domain/workflows/inferenceJob.ts';
import {
  cancelRequested,
  granted,
  jobStatus,
  pauseRequested,
  replanRequested,
  waveExtended,
  waveReported,
  waveStopped,
} from './messages.ts';
import { attributes } from './searchAttributes.ts';
import { shardWave } from './shardWave.ts';

const { prepareBatch, finishBatch } = proxyActivities<JobActivities>(BATCH_OPTIONS);
const { recordProgress } = proxyActivities<JobActivities>(CONTROL_OPTIONS);

const { webhooksOf } = proxyActivities<WebhookActivities>(CONTROL_OPTIONS);
const { postWebhook } = proxyActivities<WebhookActivities>(WEBHOOK_OPTIONS);

/** Grid time that a wave may be silent after its end before its shards are taken back. */
const SILENT_WAVE_GRACE_MS = 30 * 60_000;

/** Real time for stopped waves to hand in what they have, however fast the grid's clock runs. */
const STOP_GRACE_REAL_MS = 2000;

/**
 * Every request of the batch is answered exactly once, or reported as expired, failed or cancelled, and nothing that
 * is finished is lost. Does not push work at cars: it releases just as many shards as the plan grants.
 */
export async function inferenceJob(input: InferenceJobInput): Promise<void> {
  const { batchId, cellId, clock } = input;
  const cell = getExternalWorkflowHandle(workflowIds.cell(cellId));
  let shards = input.carried ? JobShards.restore(input.carried) : undefined;
  let state = 'validating' as JobStatus['state'];
  let cancelled = false;
  let paused = input.paused ?? false;
  let news = false;
  // Kept beside the shards: a grant may come while the batch is still being split.
  let grants: readonly Grant[] = [];

  setHandler(granted, (given) => {
    grants = given;
    news = true;
  });
  setHandler(waveReported, (report) => {
    shards?.receiveReport(report);
    news = true;
  });
  setHandler(cancelRequested, () => {
    cancelled = true;
  });
  setHandler(pauseRequested, (request) => {
    paused = request.paused;
    news = true;
  });
  setHandler(jobStatus, () => ({ state, ...(shards?.counts() ?? { shards: 0, pending: 0, inFlight: 0, done: 0 }) }));

  const now = (): number => gridTimeMs(clock, Date.now());
  const enter = (next: JobStatus['state']): void => {
    state = next;
    upsertSearchAttributes([{ key: attributes.jobState, value: next }]);
  };
  const replan = (cause: string): Promise<void> => cell.signal(replanRequested, { cause }).catch(() => undefined);

  if (!shards) {
    enter('validating');
    setCurrentDetails('Reading the input file: checking every line, cutting it into shards.');
    const prepared = await prepareBatch({ batchId, cellId });
    if (prepared.kind === 'refused') return announceEnd(batchId);
    shards = JobShards.fresh(prepared.split);
    upsertSearchAttributes([{ key: attributes.deadline, value: new Date(prepared.split.deadlineMs) }]);
    await recordProgress({ batchId, cellId, split: shards.split, counts: shards.counts(), paused, finished: false });
    await replan(`job ${batchId} has ${prepared.split.shards} shards`);
  }
  enter('waiting');

  const job = shards;
  const { deadlineMs } = job.split;
  const order = async (wave: WaveOrder): Promise<void> => {
    const workflowId = waveId(batchId, wave.kind === 'start' ? wave.wave.wave : wave.wave);
    if (wave.kind === 'extend') {
      const running = getExternalWorkflowHandle(workflowId);
      await running.signal(waveExtended, { endsAtMs: wave.endsAtMs }).catch(() => undefined);
      return;
    }
    const { regionId, hardwareClass } = wave.wave;
    await startChild(shardWave, {
      workflowId,
      args: [{ ...wave.wave, jobId: batchId, cellId, split: job.split, clock }],
      // Waves outlive a continue-as-new of their job.
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `${wave.wave.shards.length} shards on ${hardwareClass} in ${regionId}`,
      typedSearchAttributes: [
        { key: attributes.jobId, value: batchId },
        { key: attributes.regionId, value: regionId },
        { key: attributes.hardwareClass, value: hardwareClass },
      ],
    });
  };

  const stopWaves = async (): Promise<void> => {
    for (const wave of job.openWaves) {
      await getExternalWorkflowHandle(waveId(batchId, wave))
        .signal(waveStopped)
        .catch(() => undefined);
    }
  };

  // Written beside the loop and one at a time: while one write is under way, the reports that come in are gathered.
  let unwritten = false;
  let ended = false;
  const writeProgress = async (): Promise<void> => {
    for (;;) {
      await condition(() => unwritten || ended);
      if (ended) return;
      unwritten = false;
      await recordProgress({ batchId, cellId, split: job.split, counts: job.counts(), paused, finished: false });
    }
  };
  const progressWritten = writeProgress();

  while (!job.finished && !cancelled && now() < deadlineMs) {
    if (paused) {
      if (state !== 'paused') {
        enter('paused');
        await stopWaves();
      }
    } else {
      if (state === 'paused') {
        enter('waiting');
        await replan(`job ${batchId} was resumed`);
      }
      const orders = job.release(grants, now());
      // Together: one after the other, extensions would come after the slot's end and the cars would stand still.
      await Promise.all(orders.map(order));
      if (orders.length > 0 && state === 'waiting') enter('running');
    }
    setCurrentDetails(describe(job, deadlineMs, paused));
    const wakeAtMs = Math.min(deadlineMs, job.nextWatchdogMs(SILENT_WAVE_GRACE_MS) ?? deadlineMs);
    await condition(() => news || cancelled, realDelayUntilMs(clock, wakeAtMs, Date.now()));
    news = false;
    unwritten = true;
    job.giveUpSilentWaves(now(), SILENT_WAVE_GRACE_MS);
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof inferenceJob>({ ...input, carried: job.snapshot(), paused });
    }
  }

  enter('finalizing');
  await stopWaves();
  // Waves that were stopped still hand in what their cars had finished.
  await condition(() => job.openWaves.length === 0, realDurationMs(clock, SILENT_WAVE_GRACE_MS) + STOP_GRACE_REAL_MS);
  const outcome = cancelled ? 'cancelled' : job.finished ? 'completed' : 'expired';
  setCurrentDetails(`Every line has its answer or its error. Writing the output files (${outcome}).`);
  await finishBatch({ batchId, cellId, split: job.split, outcome });
  ended = true;
  await progressWritten;
  await recordProgress({ batchId, cellId, split: job.split, counts: job.counts(), paused: false, finished: true });
  enter('ended');
  await replan(`job ${batchId} ended: ${outcome}`);
  await announceEnd(batchId);
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

/** Markdown for the operator: how far, and what it waits for. */
function describe(job: JobShards, deadlineMs: number, paused: boolean): string {
  const { shards, pending, inFlight, done } = job.counts();
  const waitsFor = paused
    ? 'Paused by its submitter.'
    : inFlight > 0
      ? 'Cars are computing.'
      : pending > 0
        ? 'Waits for a grant: the plan of its cell releases shards when a slot is cheap enough and cars may compute.'
        : '';
  return [
    `**${done} of ${shards} shards answered**, ${inFlight} released, ${pending} waiting for a grant.`,
    waitsFor,
    `Deadline ${new Date(deadlineMs).toISOString()} (grid time).`,
  ].join('\n\n');
}
