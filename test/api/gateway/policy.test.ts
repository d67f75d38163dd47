import proto from '@temporalio/proto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CAR_LIMITS, CarUses } from '../../../api/gateway/carLimits.ts';
import { gatewayPolicy } from '../../../api/gateway/policy.ts';
import { carRpcs } from '../../../api/gateway/rpcs.ts';
import type { GatewayUpstream } from '../../../api/gateway/upstream.ts';
import { taskTokensWith } from '../../../api/gateway/taskTokens.ts';
import { inferenceTaskQueue } from '../../../domain/names.ts';
import { SHARD_FAILURES } from '../../../domain/shards.ts';
import { carIdentity } from '../../../store/carIdentity.ts';
import { sliceSignerWith } from '../../../store/sliceAccess.ts';
import { keyedCar, SECRET } from './support/testGateway.ts';

const { PollActivityTaskQueueRequest, PollActivityTaskQueueResponse, RespondActivityTaskFailedRequest } =
  proto.temporal.api.workflowservice.v1;
const tokens = taskTokensWith(SECRET);
const slices = sliceSignerWith(SECRET);
const HANDED_OUT_REAL_MS = 5_000;
const policy = gatewayPolicy('default', { tokens, slices, now: () => HANDED_OUT_REAL_MS });
const car = keyedCar('car-a');
const QUEUE = inferenceTaskQueue('north', 'ai4', 'ocr');
const bytes = fc.uint8Array({ maxLength: 300 });

describe('task tokens', () => {
  test('open for their car alone, at every gateway of the same secret', () => {
    fc.assert(
      fc.property(bytes, fc.string(), fc.string(), (token, carId, otherId) => {
        const sealed = tokens.seal(carId, token);
        expect([...(taskTokensWith(SECRET).open(carId, sealed) ?? [])]).toEqual([...token]);
        if (otherId !== carId) expect(tokens.open(otherId, sealed)).toBeUndefined();
        expect(taskTokensWith('another secret').open(carId, sealed)).toBeUndefined();
      }),
    );
  });

  test('are refused when they are made up', () => {
    fc.assert(
      fc.property(bytes, (made) => {
        expect(tokens.open('car-a', made)).toBeUndefined();
      }),
    );
  });
});

describe('the policy', () => {
  test('passes only named fields on, whatever a car puts into the others', () => {
    const text = fc.string();
    fc.assert(
      fc.property(fc.dictionary(text, fc.anything()), text, bytes, (others, key, token) => {
        const given = { ...others, namespace: 'default', identity: 'somebody else', workerInstanceKey: key };
        const taskToken = tokens.seal('car-a', token);
        const poll = policy.poll(car, { ...given, taskQueue: { name: QUEUE, kind: 2, normalName: 'control' } });
        expect(Object.keys(poll).sort()).toEqual(['identity', 'namespace', 'taskQueue', 'workerInstanceKey']);
        expect(poll).toMatchObject({ identity: carIdentity('car-a'), taskQueue: { name: QUEUE, kind: 1 } });
        const done = policy.completed(car, { ...given, taskToken, result: { payloads: [] } });
        expect(Object.keys(done).sort()).toEqual(['identity', 'namespace', 'result', 'taskToken']);
        expect([...(done.taskToken ?? [])]).toEqual([...token]);
      }),
    );
  });

  test('keeps the workers of different cars apart: no car ends another one’s polls', () => {
    const shutDown = (vehicleId: string) =>
      policy.shutdownWorker(keyedCar(vehicleId), {
        namespace: 'default',
        taskQueue: QUEUE,
        stickyTaskQueue: 'control-sticky',
        workerInstanceKey: 'key',
      });
    expect(shutDown('car-a').workerInstanceKey).toBe(
      policy.poll(car, { namespace: 'default', taskQueue: { name: QUEUE }, workerInstanceKey: 'key' })
        .workerInstanceKey,
    );
    expect(shutDown('car-b').workerInstanceKey).not.toBe(shutDown('car-a').workerInstanceKey);
    expect(shutDown('car-a')).not.toHaveProperty('stickyTaskQueue');
  });

  test('shows of the namespace what the SDK goes by', () => {
    const shown = policy.namespaceFor({
      namespaceInfo: { name: 'default', ownerEmail: 'ops@example.org', capabilities: { workerCommands: true } },
      config: { customSearchAttributeAliases: { a: 'b' } },
    });
    expect(shown).toEqual({
      namespaceInfo: { name: 'default', state: null, limits: null, capabilities: { workerCommands: false } },
    });
  });
});

describe('the access to a shard', () => {
  const scope = { jobId: 'batch_1', shard: 2, model: { name: 'ocr', version: '1', sha256: '0' }, expiresRealMs: 9_000 };

  test('is signed anew for the car that the task is handed to, with the time of that', () => {
    const access = { url: 'https://cars.example', token: slices.sign(scope) };
    const argument = handedOut(access) as { jobId: string; access: typeof access };
    expect(argument).toMatchObject({ jobId: 'batch_1', access: { url: access.url } });
    expect(slices.read(argument.access.token, HANDED_OUT_REAL_MS)).toEqual({
      ...scope,
      car: { vehicleId: 'car-a', handedOutRealMs: HANDED_OUT_REAL_MS },
    });
  });

  test('goes on as it is when it is not ours or has expired, and so opens nothing', () => {
    for (const token of ['made up', slices.sign({ ...scope, expiresRealMs: HANDED_OUT_REAL_MS })]) {
      expect(handedOut({ url: 'u', token })).toEqual({ jobId: 'batch_1', access: { url: 'u', token } });
    }
    expect(handedOut(undefined)).toEqual({ jobId: 'batch_1' });
    expect(policy.taskFor(car, { taskToken: bytesOf('t') }).input).toBeNull();
  });
});

const bytesOf = (text: string): Uint8Array => Buffer.from(text);
const limits = (gone: AbortSignal) => ({ deadlineRealMs: Infinity, gone });

/** A server that has these RPCs. */
function upstreamOf(answers: Readonly<Record<string, (request: Uint8Array) => Uint8Array>>): GatewayUpstream {
  return {
    call: async (rpc, request) => {
      const answer = answers[rpc];
      if (!answer) throw new Error(`${rpc} was not expected`);
      return answer(request);
    },
  };
}

function handedOut(access: unknown): unknown {
  const data = Buffer.from(JSON.stringify({ jobId: 'batch_1', access }));
  const task = policy.taskFor(car, { taskToken: bytesOf('t'), input: { payloads: [{ data }] } });
  return JSON.parse(Buffer.from(task.input?.payloads?.[0]?.data ?? []).toString());
}

describe('a task that comes when the car has gone', () => {
  test('is handed back at once, for another car', async () => {
    const failed: unknown[] = [];
    const task = PollActivityTaskQueueResponse.encode({ taskToken: bytesOf('task'), workflowNamespace: 'default' });
    const upstream = upstreamOf({
      PollActivityTaskQueue: () => task.finish(),
      RespondActivityTaskFailed: (request) => {
        failed.push(RespondActivityTaskFailedRequest.decode(request));
        return new Uint8Array();
      },
    });
    const rpcs = carRpcs(upstream, policy, new CarUses(CAR_LIMITS, Date.now), () => {});
    const request = PollActivityTaskQueueRequest.encode({ namespace: 'default', taskQueue: { name: QUEUE } }).finish();
    const poll = rpcs['PollActivityTaskQueue']?.(car, Buffer.from(request), limits(AbortSignal.abort()));
    await expect(poll).rejects.toThrow('gone');
    expect(failed).toMatchObject([
      { taskToken: Buffer.from('task'), failure: { applicationFailureInfo: { type: SHARD_FAILURES.gateClosed } } },
    ]);
  });
});

async function failedWith(type: string, workflowId: string): Promise<[string, string][]> {
  const told: [string, string][] = [];
  const task = PollActivityTaskQueueResponse.encode({ taskToken: bytesOf('t'), workflowExecution: { workflowId } });
  const upstream = upstreamOf({
    PollActivityTaskQueue: () => task.finish(),
    RespondActivityTaskFailed: () => new Uint8Array(),
  });
  const uses = new CarUses(CAR_LIMITS, Date.now);
  const rpcs = carRpcs(upstream, policy, uses, (jobId, message) => told.push([jobId, message]));
  const here = limits(new AbortController().signal);
  const poll = PollActivityTaskQueueRequest.encode({ namespace: 'default', taskQueue: { name: QUEUE } }).finish();
  const handed = await rpcs['PollActivityTaskQueue']?.(car, Buffer.from(poll), here);
  const { taskToken } = PollActivityTaskQueueResponse.decode(handed ?? new Uint8Array());
  const failure = { message: 'too deep', applicationFailureInfo: { type } };
  const answer = RespondActivityTaskFailedRequest.encode({ namespace: 'default', taskToken, failure }).finish();
  await rpcs['RespondActivityTaskFailed']?.(car, Buffer.from(answer), here);
  return told;
}

describe('an attempt that fails', () => {
  test('is told with its job and what it said, unless its car has to leave', async () => {
    expect(await failedWith('RangeError', 'job/batch_1/wave/3')).toEqual([['batch_1', 'too deep']]);
    expect(await failedWith(SHARD_FAILURES.vehicleLeaving, 'job/batch_1/wave/3')).toEqual([]);
    expect(await failedWith('RangeError', 'another/workflow')).toEqual([]);
  });
});
