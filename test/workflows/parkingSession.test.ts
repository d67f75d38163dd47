import { HOUR_MS } from '../../domain/durations.ts';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StayActivities } from '../../domain/activities/stayActivities.ts';
import { REAL_TIME } from '../../domain/clock.ts';
import { CONTROL_TASK_QUEUE, workflowIds } from '../../domain/names.ts';
import type { SessionTerms } from '../../domain/workflows/parkingSession.ts';
import { policyChanged, sessionState, setpointPlanned, unplugged } from '../../workflows/messages.ts';
import type { parkingSession } from '../../workflows/parkingSession.ts';
import { startTemporal, withWorker } from '../support/temporal.ts';

const SETPOINT = { sessionId: 's', slotStartMs: 0, chargeKw: 3, computeKw: 1, reasons: [] };

let env: TestWorkflowEnvironment;
beforeAll(async () => {
  env = await startTemporal();
});
afterAll(() => env.teardown());

class Control {
  readonly calls: string[] = [];
  terms: SessionTerms = {
    readyByMs: Date.now() + HOUR_MS,
    targetSocPercent: 80,
    displayName: 'Car',
    timeZone: 'Europe/Oslo',
  };
  beforeTerms: () => Promise<void> = async () => {};

  readonly activities: StayActivities = {
    openSession: async () => {
      this.calls.push('open');
      await this.beforeTerms();
      return this.terms;
    },
    checkReadyBy: async () => void this.calls.push('check'),
    closeSession: async ({ reason, wasComputing }) =>
      void this.calls.push(`close: ${reason}${wasComputing ? ', computing' : ''}`),
  };
}

const start = (vehicleId: string) =>
  env.client.workflow.start<typeof parkingSession>('parkingSession', {
    workflowId: workflowIds.session(vehicleId, 1),
    taskQueue: CONTROL_TASK_QUEUE,
    args: [{ vehicleId, stay: 1, cellId: 'none', clock: REAL_TIME, pluggedInMs: Date.now() }],
  });

describe('a stay', () => {
  test('is settled at departure, with its ready-by looked at first', async () => {
    const control = new Control();
    await withWorker(env, control.activities, async () => {
      const stay = await start('leaves');
      await expect.poll(() => stay.query(sessionState)).toMatchObject({ setpoint: null });
      await stay.signal(setpointPlanned, SETPOINT);
      await stay.signal(unplugged, { atMs: Date.now(), reason: 'gear is D' });
      await stay.result();
      expect(control.calls).toEqual(['open', 'check', 'close: gear is D, computing']);
    });
  });

  test('looks at its ready-by once, when that time has come', async () => {
    const control = new Control();
    control.terms = { ...control.terms, readyByMs: Date.now() + 300 };
    await withWorker(env, control.activities, async () => {
      const stay = await start('stays');
      await expect.poll(() => stay.query(sessionState)).toMatchObject({ readyByChecked: true });
      await stay.signal(unplugged, { atMs: Date.now(), reason: 'late' });
      await stay.result();
      expect(control.calls).toEqual(['open', 'check', 'close: late']);
    });
  });

  test('keeps a setpoint and a departure that come while its terms are being agreed', async () => {
    const control = new Control();
    let resolve: (() => void) | undefined;
    const promise = new Promise<void>((done) => {
      resolve = done;
    });
    control.beforeTerms = () => promise;
    await withWorker(env, control.activities, async () => {
      const stay = await start('hurries');
      await expect.poll(() => control.calls).toEqual(['open']);
      await stay.signal(setpointPlanned, SETPOINT);
      await stay.signal(unplugged, { atMs: Date.now(), reason: 'gone' });
      resolve?.();
      await stay.result();
      expect(control.calls).toEqual(['open', 'check', 'close: gone, computing']);
    });
  });

  test('agrees its terms anew when the owner changes the policy', async () => {
    const control = new Control();
    await withWorker(env, control.activities, async () => {
      const stay = await start('changes');
      await expect.poll(() => stay.query(sessionState)).toMatchObject({ terms: { targetSocPercent: 80 } });
      control.terms = { ...control.terms, targetSocPercent: 60 };
      await stay.signal(setpointPlanned, SETPOINT);
      await stay.signal(policyChanged);
      await expect
        .poll(() => stay.query(sessionState))
        .toMatchObject({ terms: { targetSocPercent: 60 }, setpoint: { chargeKw: 3 } });
      await stay.terminate();
    });
  });
});
