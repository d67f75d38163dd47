import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { Stack } from './support/stack.ts';

const REQUESTS = 60;

let stack: Stack;
/** What an undisturbed run answers. */
let undisturbed: string;

beforeAll(async () => {
  stack = await Stack.start();
  undisturbed = comparable(await stack.finished(await stack.submit(REQUESTS)));
}, 180_000);
afterAll(() => stack?.remove(), 60_000);

/** Ids of answers derive from the batch's id, so they differ from batch to batch; all else must be the same bytes. */
function comparable(output: string): string {
  return output.replaceAll(/"(batch_req|req)_[0-9a-f]+"/g, '"$1"');
}

/** Runs a batch, does something to the stack in mid-work, and holds the outcome against the undisturbed run. */
async function disturbed(fault: (batchId: string) => Promise<void>): Promise<void> {
  const batchId = await stack.submit(REQUESTS);
  await stack.inMidWork(batchId);
  await fault(batchId);
  const output = await stack.finished(batchId);
  expect(comparable(output)).toBe(undisturbed);
  const customIds = output
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { custom_id: string }).custom_id);
  expect(new Set(customIds).size).toBe(REQUESTS);
  expect(customIds).toHaveLength(REQUESTS);
  await expectPaidOnce(batchId);
}

/** Every shard was accepted once, and its energy booked once for each car that had part in it. */
async function expectPaidOnce(batchId: string): Promise<void> {
  const [accepted] = await stack.database.query<{ lines: number; shards: number }>(
    'select sum(completed) as lines, count(*) as shards from accepted_shards where job_id = $1',
    [batchId],
  );
  expect(accepted?.lines).toBe(REQUESTS);
  const booked = await stack.database.query<{ reference: string; cars: number; entries: number }>(
    `select reference, count(distinct vehicle_id) as cars, count(*) as entries from ledger
     where kind = 'compute' and reference like $1 group by reference`,
    [`job/${batchId}/%`],
  );
  expect(booked).toHaveLength(accepted?.shards ?? 0);
  for (const { cars, entries } of booked) expect(entries).toBe(cars);
}

describe('a batch is answered once, byte for byte, after kill -9 in mid-work of', () => {
  test.each(['fleet', 'control', 'api', 'temporal', 'postgres'])('%s', { timeout: 120_000 }, async (name) => {
    await disturbed(() => stack.killProcess(name));
  });

  test('a car’s runner', { timeout: 120_000 }, async () => {
    await disturbed(async () => {
      const runner = await eventually('a runner is there', 10_000, async () => (await stack.runnerPids())[0]);
      process.kill(runner, 'SIGKILL');
    });
  });
});

test('two attempts of one shard at once write the same bytes', { timeout: 120_000 }, async () => {
  await disturbed(async (batchId) => {
    // A stopped fleet sends no heartbeats, so the server gives up its attempts; then they go on beside the second ones.
    const fleet = await stack.pidOf('fleet');
    process.kill(fleet, 'SIGSTOP');
    try {
      await eventually('a second attempt is due', 30_000, () => stack.secondAttempt(batchId));
    } finally {
      process.kill(fleet, 'SIGCONT');
    }
  });
});

test('kill -9 of the supervisor: the next start clears up and goes on', { timeout: 150_000 }, async () => {
  await disturbed(async () => {
    await stack.end('SIGKILL');
    await stack.launch();
  });
});

test('Ctrl-C drains within 15 s and leaves no process behind', { timeout: 60_000 }, async () => {
  const pids = await Promise.all(['fleet', 'control', 'api', 'temporal', 'postgres'].map((name) => stack.pidOf(name)));
  expect(await stack.end('SIGINT')).toBeLessThan(15_000);
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow();
});
