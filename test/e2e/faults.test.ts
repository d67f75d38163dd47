import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { expectUndisturbed } from './support/outcome.ts';
import { isAlive } from './support/processes.ts';
import { Stack } from './support/stack.ts';

const REQUESTS = 40;

let stack: Stack;
/** What an undisturbed run answers. */
let undisturbed: string;

beforeAll(async () => {
  stack = await Stack.start();
  undisturbed = await stack.finished(await stack.submit(REQUESTS));
}, 180_000);
afterAll(() => stack?.remove(), 60_000);

/** Runs a batch, does something to the stack in mid-work, and holds the outcome against the undisturbed run. */
async function disturbed(fault: (batchId: string) => Promise<void>): Promise<void> {
  const batchId = await stack.submit(REQUESTS);
  await stack.inMidWork(batchId);
  await fault(batchId);
  await expectUndisturbed(stack, batchId, REQUESTS, undisturbed);
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

test(
  'a batch is answered once, byte for byte, after all but a backup and the keys was lost in mid-work',
  {
    timeout: 240_000,
  },
  async () => {
    await disturbed(async () => {
      const backup = join(stack.stateDir, 'backup');
      await stack.command('backup', backup);
      await stack.loseEverything();
      expect(await stack.command('restore', backup)).toContain('Restored as of');
      await stack.launch();
    });
  },
);

test(
  'cars that stood still until the server gave up their attempts go on beside the second ones',
  {
    timeout: 120_000,
  },
  async () => {
    await disturbed(async (batchId) => {
      const fleet = await stack.pidOf('fleet');
      process.kill(fleet, 'SIGSTOP');
      try {
        await eventually(
          'an attempt is given up',
          30_000,
          async () => (await stack.hasSilentAttempt(batchId)) || undefined,
        );
      } finally {
        process.kill(fleet, 'SIGCONT');
      }
    });
  },
);

test('kill -9 of the supervisor: the next start clears up and goes on', { timeout: 150_000 }, async () => {
  await disturbed(async () => {
    const before = stack.descendants();
    await stack.end('SIGKILL');
    await stack.launch();
    expect(before.filter(({ pid }) => isAlive(pid))).toEqual([]);
  });
});

test(
  'Ctrl-C in mid-work drains within 15 s, leaves no process behind, and the next start goes on',
  {
    timeout: 150_000,
  },
  async () => {
    await disturbed(async () => {
      const before = stack.descendants();
      expect(await stack.end('SIGINT')).toBeLessThan(15_000);
      expect(before.filter(({ pid }) => isAlive(pid))).toEqual([]);
      await stack.launch();
    });
  },
);
