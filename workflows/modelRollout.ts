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
import { MINUTE_MS } from '../domain/durations.ts';
import type { RolloutActivities } from '../domain/activities/rolloutActivities.ts';
import { gridTimeMs, realDelayUntilMs } from '../domain/clock.ts';
import { workflowIds } from '../domain/names.ts';
import type { ModelRolloutInput } from '../domain/workflows/modelRollout.ts';
import { CHECK_OPTIONS, CONTROL_OPTIONS } from './activityOptions.ts';
import { inferenceJob } from './inferenceJob.ts';
import { cancelRequested, replanRequested, rolloutCommanded, rolloutStatus } from './messages.ts';
import { describeRollout, RolloutCourse, rolloutAttributes } from './modelRolloutState.ts';
import { attributes } from './searchAttributes.ts';

const { deliverWave, serveShare, watchVersion, decideRollout, drainRollout, noteRollout } =
  proxyActivities<RolloutActivities>(CONTROL_OPTIONS);
const { beginComparison, readComparison } = proxyActivities<RolloutActivities>(CHECK_OPTIONS);

/** Grid time between two looks at what cars and batches have done. */
const LOOK_EVERY_MS = 5 * MINUTE_MS;

/**
 * A version of a model reaches the fleet in waves, or is taken back. A wave's cars fetch it, answer real requests with it
 * and with the present version, and only when they agree does it answer its share of the tenants. It goes back by itself
 * on disagreement, crashes, or more time or energy than the operator allows. Batches stay on the version that they
 * began with.
 */
export async function modelRollout(input: ModelRolloutInput): Promise<void> {
  const { rollout, clock } = input;
  const now = (): number => Math.round(gridTimeMs(clock, Date.now()));
  const course = new RolloutCourse(rollout, now(), input.carried);
  setHandler(rolloutCommanded, ({ command, reason }) => course.command(command, reason));
  setHandler(rolloutStatus, () => course.status);
  let told = input.carried === undefined ? '' : placeOf(course);

  for (;;) {
    const { outcome: before } = course.status;
    if (before === null) await look(input, course, now());
    const { outcome, phase } = course.status;
    if (outcome !== null && before === null) {
      await cancelComparison(course);
      await decideRollout({ rollout, status: course.status });
      await replan(rollout.cellId, `roll-out of ${rollout.name} ${rollout.version}: ${outcome}`);
    }
    if (phase === 'draining') course.drained(await drainRollout({ rollout }), now());
    const place = placeOf(course);
    const hasMoved = place !== told;
    if (course.takeNews()) {
      setCurrentDetails(describeRollout(rollout, course.status));
      upsertSearchAttributes(rolloutAttributes(course.status));
      await noteRollout({ rollout, status: course.status, tell: hasMoved });
      told = place;
    }
    if (course.status.phase === 'ended') return;
    if (course.status.paused) await condition(() => !course.status.paused || course.isAsked);
    // What has come a step further goes on at once.
    else if (!hasMoved) {
      const delayMs = realDelayUntilMs(clock, now() + LOOK_EVERY_MS, Date.now());
      await condition(() => course.isAsked || placeOf(course) !== told, delayMs);
    }
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof modelRollout>({ ...input, carried: course.snapshot });
    }
  }
}

/** One step, as far as it goes now. */
async function look(input: ModelRolloutInput, course: RolloutCourse, nowMs: number): Promise<void> {
  const asked = course.obey(nowMs);
  if (asked === 'aborted') return;
  const isSkipped = asked === 'skipped';
  if (course.status.paused && !isSkipped) return;
  switch (course.status.phase) {
    case 'delivering':
      return deliver(input, course, nowMs, isSkipped);
    case 'comparing':
      return compare(input, course, nowMs, isSkipped);
    case 'soaking':
      return soak(input, course, nowMs, isSkipped);
    case 'draining':
    case 'ended':
      return;
  }
}

async function deliver({ rollout }: ModelRolloutInput, course: RolloutCourse, nowMs: number, isSkipped: boolean) {
  const delivery = await deliverWave({ rollout, wave: course.status.wave });
  if (delivery.reasons && delivery.reasons.length > 0) return course.rollBack(delivery.reasons, nowMs);
  // Skipped: those that are still to fetch it are not waited for.
  course.delivered(isSkipped ? { ...delivery, target: Math.min(delivery.target, delivery.holding) } : delivery, nowMs);
  // Cars are told of their downloads with the next plan.
  await replan(rollout.cellId, `roll-out of ${rollout.name} ${rollout.version}`);
}

async function compare(input: ModelRolloutInput, course: RolloutCourse, nowMs: number, isSkipped: boolean) {
  const { rollout } = input;
  if (isSkipped || rollout.spec.compare.requests === 0) {
    await cancelComparison(course);
    return accept(input, course, nowMs);
  }
  if (course.comparison === null) {
    const comparison = await beginComparison({ rollout, wave: course.status.wave });
    if (comparison === null) return course.waitsFor('Waits for requests that both versions can be asked.');
    course.comparing(comparison);
    await startJob(input, comparison.presentBatchId, rollout.previousVersion);
    await startJob(input, comparison.nextBatchId, rollout.version);
    return;
  }
  const found = await readComparison({ rollout, ...course.comparison });
  if (found !== null && course.compared(found, nowMs)) await accept(input, course, nowMs);
}

/** Share first: a roll-out that is killed in between accepts the wave again, which changes nothing. */
async function accept({ rollout }: ModelRolloutInput, course: RolloutCourse, nowMs: number): Promise<void> {
  await serveShare({ rollout, share: course.wave.share });
  course.accepted(nowMs);
}

async function soak({ rollout }: ModelRolloutInput, course: RolloutCourse, nowMs: number, isSkipped: boolean) {
  const reasons = await watchVersion({ rollout });
  if (reasons.length > 0) course.rollBack(reasons, nowMs);
  else if (isSkipped || nowMs >= course.soakedAtMs) course.soaked(nowMs);
}

/** The batches of a comparison are jobs like all others, and outlive a roll-out that ends. */
async function startJob({ rollout, clock }: ModelRolloutInput, batchId: string, version: string): Promise<void> {
  const { cellId, name } = rollout;
  await startChild(inferenceJob, {
    workflowId: workflowIds.job(batchId),
    args: [{ batchId, cellId, clock }],
    parentClosePolicy: ParentClosePolicy.ABANDON,
    workflowIdReusePolicy: 'REJECT_DUPLICATE',
    staticSummary: `${name} ${version}, to compare two versions`,
    typedSearchAttributes: [
      { key: attributes.cellId, value: cellId },
      { key: attributes.jobId, value: batchId },
    ],
  });
}

async function cancelComparison({ comparison }: RolloutCourse): Promise<void> {
  if (comparison === null) return;
  for (const batchId of [comparison.presentBatchId, comparison.nextBatchId]) {
    // One that has ended needs no cancelling.
    await getExternalWorkflowHandle(workflowIds.job(batchId))
      .signal(cancelRequested)
      .catch(() => undefined);
  }
}

async function replan(cellId: string, cause: string): Promise<void> {
  await getExternalWorkflowHandle(workflowIds.cell(cellId))
    .signal(replanRequested, { cause })
    .catch(() => undefined);
}

/** What the journal tells of: progress within a phase is for those who look. */
function placeOf({ status: { phase, paused, wave, outcome } }: RolloutCourse): string {
  return `${phase}/${paused}/${wave}/${outcome ?? ''}`;
}
