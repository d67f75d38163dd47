import { once } from 'node:events';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import { heartbeatWhileAlive } from '../../../worker/control/heartbeatWhileAlive.ts';

test('an activity that says nothing itself is heard of while it runs', async () => {
  const environment = new MockActivityEnvironment(
    { heartbeatTimeoutMs: 10_000 },
    { interceptors: [heartbeatWhileAlive] },
  );
  const heard = once(environment, 'heartbeat').then(() => 'heard');
  expect(await environment.run(() => heard)).toBe('heard');
});

test('one that fails is not heard of any more', async () => {
  const environment = new MockActivityEnvironment(
    { heartbeatTimeoutMs: 10_000 },
    { interceptors: [heartbeatWhileAlive] },
  );
  const timersBefore = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  await expect(environment.run(() => Promise.reject(new Error('no database')))).rejects.toThrow('no database');
  expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout')).toHaveLength(timersBefore);
});
