import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { RolloutActivities } from '../../domain/activities/rolloutActivities.ts';
import type { JobActivities } from '../../domain/activities/jobActivities.ts';
import type { WebhookActivities } from '../../domain/activities/webhookActivities.ts';
import type { JournalReason } from '../../domain/journal.ts';
import { CONTROL_TASK_QUEUE, workflowIds } from '../../domain/names.ts';
import type { VersionsCompared } from '../../domain/rollouts/judgeVersions.ts';
import { rolloutSpecSchema } from '../../domain/rollouts/rolloutSpec.ts';
import type { Rollout, RolloutStatus } from '../../domain/workflows/modelRollout.ts';
import { rolloutCommanded, rolloutStatus } from '../../workflows/messages.ts';
import type { modelRollout } from '../../workflows/modelRollout.ts';
import { startTemporal, withWorker } from '../support/temporal.ts';

/** A day takes nine seconds: what a roll-out looks at every five minutes is looked at thirty times a second. */
const CLOCK = { originMs: Date.now(), anchorMs: Date.now(), scale: 10_000 };
const WORK = { shards: 4, failedAttempts: 0, byClass: { hw3: { lines: 40, deviceMs: 400, energyWh: 4 } } };
const ALIKE: VersionsCompared = { compared: 200, disagreeing: 0, meanAgreement: 1, present: WORK, next: WORK };

let env: TestWorkflowEnvironment;
beforeAll(async () => {
  env = await startTemporal();
});
afterAll(() => env.teardown());

/** What the control worker would do, without cars. */
class Control {
  readonly calls: string[] = [];
  readonly notes: RolloutStatus[] = [];
  holding = 2;
  delivered: readonly JournalReason[] = [];
  compared: VersionsCompared | null = ALIKE;
  regressions: readonly JournalReason[] = [];
  draining = 1;

  readonly activities: RolloutActivities & Pick<JobActivities, 'prepareBatch'> & Pick<WebhookActivities, 'webhooksOf'> =
    {
      deliverWave: async ({ wave }) => {
        this.calls.push(`deliver ${wave}`);
        return { target: 2, drawn: 2, holding: this.holding, reasons: this.delivered };
      },
      beginComparison: async ({ wave }) => {
        this.calls.push(`compare ${wave}`);
        const id = `${Date.now()}-${wave}`;
        return { presentBatchId: `present-${id}`, nextBatchId: `next-${id}` };
      },
      readComparison: async () => this.compared,
      serveShare: async ({ share }) => void this.calls.push(`serve ${share}`),
      watchVersion: async () => this.regressions,
      decideRollout: async ({ status }) => void this.calls.push(`decide ${status.outcome}`),
      drainRollout: async () => {
        this.calls.push('drain');
        return this.draining-- > 0 ? 1 : 0;
      },
      noteRollout: async ({ status }) => void this.notes.push(status),
      prepareBatch: async () => ({ kind: 'refused', message: 'in this test nobody computes' }),
      webhooksOf: async () => [],
    };

  /** Without what is repeated while something is waited for. */
  get course(): string[] {
    return this.calls.filter((call, index) => call !== this.calls[index - 1]);
  }
}

const rolloutOf = (version: string, spec: unknown = {}): Rollout => ({
  id: 1,
  cellId: 'none',
  name: 'm',
  version,
  previousVersion: '1',
  family: 'f~1',
  baseFamily: 'f',
  spec: rolloutSpecSchema.parse({
    waves: [
      { share: 0.1, soak_hours: 1 },
      { share: 1, soak_hours: 1 },
    ],
    ...(spec as object),
  }),
});

const start = (rollout: Rollout) =>
  env.client.workflow.start<typeof modelRollout>('modelRollout', {
    workflowId: workflowIds.rollout(rollout.name, rollout.version),
    taskQueue: CONTROL_TASK_QUEUE,
    args: [{ rollout, clock: CLOCK }],
  });

describe('a roll-out', () => {
  test('goes from wave to wave, and answers everyone when the last one has served', async () => {
    const control = new Control();
    await withWorker(env, control.activities, async () => {
      await (await start(rolloutOf('good'))).result();
      expect(control.course).toEqual([
        'deliver 0',
        'compare 0',
        'serve 0.1',
        'deliver 1',
        'compare 1',
        'serve 1',
        'decide completed',
        'drain',
      ]);
      expect(control.notes.at(-1)).toMatchObject({ phase: 'ended', outcome: 'completed', servedShare: 1 });
    });
  });

  test('goes back by itself when the versions disagree, and no tenant was answered by the new one', async () => {
    const control = new Control();
    control.compared = { ...ALIKE, disagreeing: 25 };
    await withWorker(env, control.activities, async () => {
      await (await start(rolloutOf('disagrees'))).result();
      expect(control.course).toEqual(['deliver 0', 'compare 0', 'decide rolled_back', 'drain']);
      expect(control.notes.at(-1)).toMatchObject({
        outcome: 'rolled_back',
        servedShare: 0,
        reasons: [{ code: 'rollout_disagreement', value: 0.125, limit: 0.02 }],
      });
      expect(control.notes.at(-1)?.text).toContain('Rolled back to 1');
    });
  });

  test('goes back when what it serves shows a regression', async () => {
    const control = new Control();
    control.regressions = [{ code: 'rollout_slower', text: 'times the device time', value: 2, limit: 1.25 }];
    await withWorker(env, control.activities, async () => {
      await (await start(rolloutOf('slow'))).result();
      expect(control.course).toEqual(['deliver 0', 'compare 0', 'serve 0.1', 'decide rolled_back', 'drain']);
    });
  });

  test('goes back when cars that were given it say that it does not do', async () => {
    const control = new Control();
    control.holding = 0;
    control.delivered = [{ code: 'rollout_returned', text: 'of the cars went back', value: 1, limit: 0.05 }];
    await withWorker(env, control.activities, async () => {
      await (await start(rolloutOf('refused'))).result();
      expect(control.course).toEqual(['deliver 0', 'decide rolled_back', 'drain']);
    });
  });

  test('tries a comparison again that too few requests were answered in', async () => {
    const control = new Control();
    control.compared = { ...ALIKE, compared: 1 };
    await withWorker(env, control.activities, async () => {
      const rollout = await start(rolloutOf('few'));
      await expect.poll(() => control.calls.filter((call) => call === 'compare 0').length).toBeGreaterThan(1);
      control.compared = { ...ALIKE, compared: 200 };
      await rollout.result();
      expect(control.notes.at(-1)).toMatchObject({ outcome: 'completed' });
    });
  });

  test('is paused, resumed, moved on and aborted by its operator', async () => {
    const control = new Control();
    control.holding = 0;
    await withWorker(env, control.activities, async () => {
      const rollout = await start(rolloutOf('held'));
      await rollout.signal(rolloutCommanded, { command: 'pause', reason: 'holiday' });
      await expect.poll(() => control.notes.at(-1)?.text).toBe('Paused by an operator: holiday');
      await rollout.signal(rolloutCommanded, { command: 'resume', reason: 'back' });
      // Nobody has it: only the operator lets it go on.
      await expect.poll(() => rollout.query(rolloutStatus)).toMatchObject({ paused: false, phase: 'delivering' });
      control.compared = null;
      await rollout.signal(rolloutCommanded, { command: 'skip', reason: 'enough' });
      await expect.poll(() => rollout.query(rolloutStatus)).toMatchObject({ phase: 'comparing' });
      await rollout.signal(rolloutCommanded, { command: 'skip', reason: 'compared by hand' });
      await expect.poll(() => control.calls).toContain('serve 0.1');
      await rollout.signal(rolloutCommanded, { command: 'abort', reason: 'not liked' });
      await rollout.result();
      expect(control.calls).toContain('decide aborted');
      expect(control.notes.at(-1)).toMatchObject({ outcome: 'aborted', text: 'Aborted by an operator: not liked' });
    });
  });
});
