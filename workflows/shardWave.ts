import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  condition,
  getExternalWorkflowHandle,
  isCancellation,
  patched,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  sleep,
} from '@temporalio/workflow';
import { MINUTE_MS } from '../domain/durations.ts';
import type { InferenceActivities } from '../domain/activities/inferenceActivities.ts';
import type { JobActivities } from '../domain/activities/jobActivities.ts';
import { gridTimeMs, realDelayUntilMs, realTimeMs } from '../domain/clock.ts';
import { workflowIds } from '../domain/names.ts';
import { SHARD_FAILURES, type SliceAccess } from '../domain/shards.ts';
import { CONTROL_OPTIONS, shardOptions } from './activityOptions.ts';
import { checkAnswers } from './checkAnswers.ts';
import type { FinishedShard, ShardWaveInput } from '../domain/workflows/shardWave.ts';
import { waveExtended, waveReported, waveStopped } from './messages.ts';
import { recallWorkOf } from './recallWorkOf.ts';
import { runShardInput, WaveShards } from './shardWaveState.ts';

const { signSlices, acceptShards } = proxyActivities<JobActivities>(CONTROL_OPTIONS);

const REPORT_EVERY_REAL_MS = 500;
/** Shards verified and paid by one call: few enough for its limit of a minute, however slow the store is. */
const SHARDS_ACCEPTED_AT_ONCE = 50;
/** Real time after the granted slot in which word of the next one still counts. Cars stop by their own clocks. */
const EXTENSION_GRACE_REAL_MS = 1000;
/** Real time after its job's deadline in which a car may still hand in what it has. */
const ACCESS_GRACE_REAL_MS = MINUTE_MS;

/**
 * Runs the shards that one grant released, on any car of its region and class that bids for them, until all are
 * answered or the granted time is over. What is not finished then goes back to the job, with its parts kept.
 */
export async function shardWave(input: ShardWaveInput): Promise<void> {
  const { jobId, cellId, split, clock } = input;
  const options = shardOptions(input, clock, gridTimeMs(clock, Date.now()));
  const cars = proxyActivities<InferenceActivities>(options);
  const job = getExternalWorkflowHandle(workflowIds.job(jobId));
  const wave = new WaveShards(input.wave, input.shards);
  let endsAtMs = input.endsAtMs;
  let over = false;

  setHandler(waveExtended, (extension) => {
    endsAtMs = Math.max(endsAtMs, extension.endsAtMs);
  });
  setHandler(waveStopped, () => {
    over = true;
  });

  const expiresRealMs = realTimeMs(clock, split.deadlineMs) + ACCESS_GRACE_REAL_MS;
  const accesses =
    split.carUrl === undefined ? [] : await signSlices({ jobId, split, shards: input.shards, expiresRealMs });

  const attempts = new CancellationScope();
  const runShard = async (shard: number, access: SliceAccess | undefined): Promise<void> => {
    try {
      const summary = `shard ${shard} of ${split.shards}`;
      const argument = runShardInput(jobId, split, shard, access);
      const result = await cars.runShard.executeWithOptions({ ...options, summary }, [argument]);
      wave.finished({ shard, result });
    } catch (error) {
      if (isCancellation(error) || failureOf(error).type === SHARD_FAILURES.deadlinePassed) wave.returned(shard);
      else wave.failed(shard, failureOf(error).message);
    }
  };
  void attempts.run(() => Promise.all(input.shards.map((shard, index) => runShard(shard, accesses[index]))));

  // One timer for the whole wave, not one per report: timers are history events.
  const clockOut = new CancellationScope();
  const clockedOut = clockOut.run(async () => {
    let leftMs: number;
    while ((leftMs = realDelayUntilMs(clock, endsAtMs, Date.now() - EXTENSION_GRACE_REAL_MS)) > 0) await sleep(leftMs);
    over = true;
  });
  clockedOut.catch(() => undefined);

  while (wave.open) {
    setCurrentDetails(wave.describe(input, gridTimeMs(clock, Date.now()), endsAtMs));
    await condition(() => wave.hasNews || over);
    // Results are gathered for a moment: accepting and reporting each alone would cost more than the shards themselves.
    if (!over) await condition(() => wave.settled || over, REPORT_EVERY_REAL_MS);
    if (over) {
      attempts.cancel();
      await condition(() => wave.settled);
    }
    for (const shards of portionsOf(wave.takeFinished())) {
      if (split.checked && shards.length > 0) await check(input, shards);
      const verdicts = shards.length === 0 ? [] : await acceptShards({ jobId, cellId, split, shards });
      // The job may have ended meanwhile; what it delivers is settled then.
      await job.signal(waveReported, wave.report(verdicts)).catch(() => undefined);
    }
  }
  clockOut.cancel();
}

/** At least one, since what came back unfinished is reported as well. The job hears of each before the next is accepted. */
function portionsOf(finished: readonly FinishedShard[]): (readonly FinishedShard[])[] {
  // Histories from before there were portions accept all at once.
  if (finished.length <= SHARDS_ACCEPTED_AT_ONCE || !patched('accept-in-portions')) return [finished];
  const portions: FinishedShard[][] = [];
  for (let from = 0; from < finished.length; from += SHARDS_ACCEPTED_AT_ONCE) {
    portions.push(finished.slice(from, from + SHARDS_ACCEPTED_AT_ONCE));
  }
  return portions;
}

/** What cars have answered is held against a trusted computer's answers before it counts. */
async function check({ jobId, cellId, split }: ShardWaveInput, finished: readonly FinishedShard[]): Promise<void> {
  const shards = finished.map(({ shard }) => shard);
  await recallWorkOf(await checkAnswers({ jobId, cellId, split, shards }), cellId);
}

function failureOf(error: unknown): { readonly type: string | undefined; readonly message: string } {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const type = cause instanceof ApplicationFailure ? (cause.type ?? undefined) : undefined;
  return { type, message: cause instanceof Error ? cause.message : String(error) };
}
