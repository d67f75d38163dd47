import { randomUUID } from 'node:crypto';

import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { NextRound, RoundOutcome } from '../../domain/activities/trainingActivities.ts';
import { REAL_TIME } from '../../domain/clock.ts';
import { CONTROL_TASK_QUEUE, workflowIds } from '../../domain/names.ts';
import type { TrainingRunInput } from '../../domain/workflows/trainingRun.ts';
import { trainingCancelled, trainingPaused, trainingStatus } from '../../workflows/messages.ts';
import type { trainingRun } from '../../workflows/trainingRun.ts';
import { eventually } from '../support/eventually.ts';
import { startTemporal, withWorker } from '../support/temporal.ts';

const LIMIT_MS = 60_000;
let env: TestWorkflowEnvironment;
beforeAll(async () => {
  env = await startTemporal();
}, LIMIT_MS);
afterAll(() => env.teardown());

/** A run's surroundings: batches end at once, or when they are let. */
class World {
  readonly runId = `train-${randomUUID().slice(0, 8)}`;
  readonly opened: number[] = [];
  readonly closed: number[] = [];
  readonly states: string[] = [];
  refusal: string | undefined;
  waiting = 0;
  /** Of a round on cars' own data: the batches of each phase. */
  phases: readonly (readonly string[])[] | undefined;
  readonly prepared: string[] = [];
  #letEnd: () => void = () => {};
  #mayEnd: Promise<void> = Promise.resolve();

  hold(): void {
    this.#mayEnd = new Promise((resolve) => {
      this.#letEnd = resolve;
    });
  }

  letEnd(): void {
    this.#letEnd();
  }

  readonly activities = {
    prepareRun: async () => this.refusal,
    openRound: async ({ round }: { round: number }): Promise<NextRound> => {
      if (this.waiting-- > 0) return { kind: 'waiting', why: 'No car is at its plug.' };
      if (!this.opened.includes(round)) this.opened.push(round);
      const batchIds = this.phases?.[0]?.map((name) => `${this.runId}-${round}-${name}`);
      const opened = { round, batchId: `${this.runId}-${round}`, deadlineMs: 0, clients: 2 };
      return { kind: 'opened', opened: { ...opened, ...(batchIds && { batchIds }) } };
    },
    advanceRound: async ({ round, phase }: { round: number; phase: number }) =>
      (this.phases?.[phase] ?? []).map((name) => `${this.runId}-${round}-${name}`),
    closeRound: async ({ round }: { round: number }): Promise<RoundOutcome> => {
      this.closed.push(round);
      return { round, updates: 2, clients: 2, trainLoss: 1, testAccuracy: 0.5 };
    },
    recordTrainingState: async ({ state, message }: { state: string; message: string }) => {
      this.states.push(`${state}: ${message}`);
    },
    prepareBatch: async ({ batchId }: { batchId: string }) => {
      this.prepared.push(batchId.slice(this.runId.length + 1));
      await this.#mayEnd;
      return { kind: 'refused', message: 'not part of this test' };
    },
    webhooksOf: async () => [],
  };

  start(changes: Partial<TrainingRunInput> = {}) {
    const input = { runId: this.runId, cellId: 'c', clock: REAL_TIME, rounds: 3, overlap: 1, nextRound: 1, ...changes };
    return env.client.workflow.start<typeof trainingRun>('trainingRun', {
      workflowId: workflowIds.training(this.runId),
      taskQueue: CONTROL_TASK_QUEUE,
      args: [input],
    });
  }
}

test('rounds are opened and closed one after the other, each once', { timeout: LIMIT_MS }, async () => {
  const world = new World();
  await withWorker(env, world.activities, async () => (await world.start()).result());
  expect(world.opened).toEqual([1, 2, 3]);
  expect(world.closed).toEqual([1, 2, 3]);
  expect(world.states.at(-1)).toBe('completed: All 3 rounds are done.');
});

test(
  'a coordinator that dies in a round goes on with it, and no round is lost or taken twice',
  { timeout: LIMIT_MS },
  async () => {
    const world = new World();
    world.hold();
    const run = await withWorker(env, world.activities, async () => {
      const started = await world.start();
      await eventually('a round is open', LIMIT_MS, async () => (world.opened.length === 1 ? true : undefined));
      world.letEnd();
      return started;
    });
    await withWorker(env, world.activities, () => run.result());
    expect(world.opened).toEqual([1, 2, 3]);
    expect(new Set(world.closed)).toEqual(new Set([1, 2, 3]));
  },
);

test('a paused run opens no round until it is resumed', { timeout: LIMIT_MS }, async () => {
  const world = new World();
  world.hold();
  await withWorker(env, world.activities, async () => {
    const run = await world.start();
    await eventually('a round is open', LIMIT_MS, async () => (world.opened.length === 1 ? true : undefined));
    await run.signal(trainingPaused, { paused: true });
    world.letEnd();
    await eventually('it is closed', LIMIT_MS, async () => (world.closed.length === 1 ? true : undefined));
    await eventually('it is paused', LIMIT_MS, async () =>
      world.states.at(-1)?.startsWith('paused') ? true : undefined,
    );
    expect(await run.query(trainingStatus)).toMatchObject({ nextRound: 2, open: [], paused: true });
    await run.signal(trainingPaused, { paused: false });
    await run.result();
  });
  expect(world.closed).toEqual([1, 2, 3]);
});

test('a cancelled run closes what is open and opens nothing more', { timeout: LIMIT_MS }, async () => {
  const world = new World();
  world.hold();
  await withWorker(env, world.activities, async () => {
    const run = await world.start();
    await eventually('a round is open', LIMIT_MS, async () => (world.opened.length === 1 ? true : undefined));
    await run.signal(trainingCancelled);
    world.letEnd();
    await run.result();
  });
  expect(world.closed).toEqual([1]);
  expect(world.states.at(-1)).toBe('cancelled: Cancelled after round 1.');
});

test(
  'rounds overlap as far as they may, and a run that cannot be prepared says why',
  { timeout: LIMIT_MS },
  async () => {
    const world = new World();
    world.hold();
    await withWorker(env, world.activities, async () => {
      const run = await world.start({ overlap: 2 });
      await eventually('two rounds are open', LIMIT_MS, async () => (world.opened.length === 2 ? true : undefined));
      world.letEnd();
      await run.result();
    });
    expect(world.closed.toSorted((a, b) => a - b)).toEqual([1, 2, 3]);

    const refused = new World();
    refused.refusal = 'Line 4: labels has 2 numbers, not 1.';
    await withWorker(env, refused.activities, async () => (await refused.start()).result());
    expect(refused.opened).toEqual([]);
    expect(refused.states.at(-1)).toBe('failed: Line 4: labels has 2 numbers, not 1.');
  },
);

test('a run without cars waits and looks again', { timeout: LIMIT_MS }, async () => {
  const world = new World();
  world.waiting = 1;
  // A quarter of an hour of the grid passes in a second.
  const clock = { originMs: 0, anchorMs: 0, scale: 900 };
  await withWorker(env, world.activities, async () => (await world.start({ clock, rounds: 1 })).result());
  expect(world.states).toContain('waiting: No car is at its plug.');
  expect(world.closed).toEqual([1]);
});

test(
  'a round on own data goes phase by phase, and stops between two while it is paused',
  { timeout: LIMIT_MS },
  async () => {
    const world = new World();
    world.phases = [['keys-a', 'keys-b'], ['shares-a', 'shares-b'], ['masked-a']];
    world.hold();
    await withWorker(env, world.activities, async () => {
      const run = await world.start({ rounds: 1 });
      await eventually('the first phase is open', LIMIT_MS, async () =>
        world.prepared.length === 2 ? true : undefined,
      );
      await run.signal(trainingPaused, { paused: true });
      world.letEnd();
      await eventually('it is paused', LIMIT_MS, async () =>
        world.states.at(-1)?.startsWith('paused') ? true : undefined,
      );
      expect(world.prepared.toSorted()).toEqual(['1-keys-a', '1-keys-b']);
      await run.signal(trainingPaused, { paused: false });
      await run.result();
    });
    expect(world.prepared.slice(0, 2).toSorted()).toEqual(['1-keys-a', '1-keys-b']);
    expect(world.prepared.slice(2, 4).toSorted()).toEqual(['1-shares-a', '1-shares-b']);
    expect(world.prepared.slice(4)).toEqual(['1-masked-a']);
    expect(world.closed).toEqual([1]);
  },
);
