import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { workflowIds } from '../../../domain/names.ts';
import type { Batch } from '../../../store/batches.ts';
import type { ParkingSession } from '../../../store/parkingSessions.ts';
import type { Vehicle } from '../../../store/vehicles.ts';
import { jobStarterOver } from '../../../worker/api/jobStarter.ts';
import { sessionStarterOver } from '../../../worker/api/sessionStarter.ts';
import { startTemporal, withWorker } from '../../support/temporal.ts';
import { CELL, testVehicle } from '../../support/fleetFixture.ts';

let temporal: TestWorkflowEnvironment;

beforeAll(async () => {
  temporal = await startTemporal();
}, 60_000);
afterAll(() => temporal.teardown());

// No worker polls: what the starters ask of the server is in the histories.
async function runsOf(workflowId: string): Promise<string[]> {
  const runs: string[] = [];
  const query = `WorkflowId = "${workflowId}"`;
  for await (const { status } of temporal.client.workflow.list({ query })) runs.push(status.name);
  return runs;
}

async function signalsOf(workflowId: string): Promise<string[]> {
  const { events } = await temporal.client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).flatMap((event) => event.workflowExecutionSignaledEventAttributes?.signalName ?? []);
}

describe('parking sessions', () => {
  const vehicle: Vehicle = testVehicle('car-1');
  const stay: ParkingSession = {
    vehicleId: 'car-1',
    stay: 3,
    pluggedInAtMs: 1_000,
    readyByMs: 2_000,
    targetSocPercent: 80,
    arrivalSocPercent: null,
    readyBySocPercent: null,
    unpluggedAtMs: null,
    settled: null,
  };
  const workflowId = workflowIds.session('car-1', 3);

  test('start once while they run and after they have ended; departures reach them', async () => {
    const sessions = sessionStarterOver(temporal.client, CELL);
    await sessions.start(stay, vehicle);
    await sessions.start(stay, vehicle);
    await sessions.policyChanged(stay);
    await sessions.unplugged(stay, { atMs: 5_000, reason: 'Gear is D' });
    expect(await signalsOf(workflowId)).toEqual(['policyChanged', 'unplugged']);
    await temporal.client.workflow.getHandle(workflowId).terminate();
    await sessions.start(stay, vehicle);
    await sessions.unplugged(stay, { atMs: 6_000, reason: 'again' });
    await expect.poll(() => runsOf(workflowId)).toEqual(['TERMINATED']);
  });

  test('a departure of a stay that never was is no error', async () => {
    const told = sessionStarterOver(temporal.client, CELL).unplugged({ ...stay, stay: 99 }, { atMs: 1, reason: 'x' });
    await expect(told).resolves.toBeUndefined();
    expect(await runsOf(workflowIds.session('car-1', 99))).toEqual([]);
  });
});

test('jobs start once, and a cancel reaches them', async () => {
  const jobs = jobStarterOver(temporal.client, CELL);
  const batch: Pick<Batch, 'id' | 'endpoint' | 'status'> = {
    id: 'batch_1',
    endpoint: '/v1/embeddings',
    status: 'validating',
  };
  const first = { paused: false, losses: 0 };
  await jobs.start(batch, first);
  await jobs.start(batch, first);
  await jobs.cancel('batch_1');
  expect(await signalsOf(workflowIds.job('batch_1'))).toEqual(['cancelRequested']);
  await expect.poll(() => runsOf(workflowIds.job('batch_1'))).toEqual(['RUNNING']);
});

const starter = () => jobStarterOver(temporal.client, CELL);

describe('a job that is ended from outside', () => {
  const id = 'batch_2';
  const workflowId = workflowIds.job(id);
  const batch: Pick<Batch, 'id' | 'endpoint' | 'status'> = { id, endpoint: '/v1/embeddings', status: 'in_progress' };

  test('is told apart from one that runs, and starts anew with what it takes over', async () => {
    expect(await starter().lossOf(id)).toBe('unknown to Temporal');
    await starter().start(batch, { paused: false, losses: 0 });
    expect(await starter().lossOf(id)).toBeUndefined();
    await temporal.client.workflow.getHandle(workflowId).terminate();
    expect(await starter().lossOf(id)).toBe('terminated');
    await starter().start(batch, { paused: true, losses: 1 });
    expect(await starter().lossOf(id)).toBeUndefined();
    const { events } = await temporal.client.workflow.getHandle(workflowId).fetchHistory();
    const started = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
    expect(JSON.parse(Buffer.from(started ?? []).toString())).toMatchObject({ paused: true, firstWave: 1_000_001 });
  });

  test('is not begun again once it has come to its end', async () => {
    const activities = {
      prepareBatch: async () => ({ kind: 'refused', message: 'empty' }),
      webhooksOf: async () => [],
    };
    await withWorker(temporal, activities, () => temporal.client.workflow.getHandle(workflowId).result());
    expect(await starter().lossOf(id)).toBeUndefined();
    await starter().start(batch, { paused: false, losses: 2 });
    await expect.poll(() => runsOf(workflowId)).toEqual(['COMPLETED', 'TERMINATED']);
  });
});
