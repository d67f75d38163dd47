import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { BatchAnswerLine } from '../../../domain/batchLines.ts';
import { objectKeys } from '../../../domain/names.ts';
import type { LeaveReason, PartReceipt, ShardHeartbeat } from '../../../domain/shards.ts';
import { EnergyMeter } from '../../../car/shard/energyMeter.ts';
import type { Pacer } from '../../../car/shard/ports.ts';
import type { MemoryObjects } from './support/memoryObjects.ts';
import { cleanUp, storedAnswers, storeWithShard, testCar, JOB_ID } from './support/testCar.ts';
import { renderTextLines, requestLine, TEXTS } from '../../inference/support/textLines.ts';

/** Answers of an undisturbed run: what every disturbed one must come to, byte for byte. */
let expected: string[];

beforeAll(async () => {
  const { objects, shard } = await storeWithShard();
  const car = await testCar('reference', objects);
  await car.attempt(shard).result;
  expected = storedAnswers(objects, shard);
  await cleanUp();
});

afterEach(cleanUp);

/** Calls back after that many lines, in the middle of a shard. */
function after(lines: number, act: () => void): Pacer {
  let computed = 0;
  return {
    wait: async (count) => {
      const before = computed;
      computed += count;
      if (before < lines && computed >= lines) act();
    },
  };
}

function partKeys(objects: MemoryObjects): string[] {
  return objects.puts
    .filter((key) => key.startsWith(objectKeys.partPrefix(JOB_ID, 0)))
    .map((key) => /\d{6}-\d{6}/.exec(key)?.[0] ?? '');
}

function receipts(objects: MemoryObjects): PartReceipt[] {
  return [...objects.bodies.entries()]
    .filter(([key]) => key.startsWith(objectKeys.receiptPrefix(JOB_ID, 0)))
    .map(([, body]): PartReceipt => JSON.parse(body.toString('utf8')));
}

test('answers every line, stores it part by part with a receipt, and reports what it took', async () => {
  const { objects, shard } = await storeWithShard();
  const car = await testCar('car-a', objects);
  const attempt = car.attempt(shard);
  const result = await attempt.result;

  expect(result).toMatchObject({ vehicleId: 'car-a', storedLines: 8, computedLines: 8, handovers: 0, redoneLines: 0 });
  expect(partKeys(objects)).toEqual(['000000-000003', '000003-000006', '000006-000008']);
  const answers = storedAnswers(objects, shard).map((line): BatchAnswerLine => JSON.parse(line));
  expect(answers.map((answer) => answer.custom_id)).toEqual(TEXTS.map((_, index) => `line-${index}`));
  expect(answers.every((answer) => answer.error === null && answer.response?.status_code === 200)).toBe(true);
  expect(answers[2]?.response?.body).toMatchObject({ outputs: [{ data: [TEXTS[2]] }, { name: 'confidence' }] });

  expect(attempt.heartbeats.at(-1)).toMatchObject({ storedLines: 8, unstoredLines: 0 });
  const energyWh = receipts(objects).reduce((sum, receipt) => sum + receipt.energyWh, 0);
  expect(result.deviceMs).toBeGreaterThan(0);
  expect(result.energyWh).toBeCloseTo((0.5 * 1_000 * result.deviceMs) / 3_600_000, 9);
  expect(energyWh).toBeLessThanOrEqual(result.energyWh + 1e-9);
  expect(energyWh).toBeGreaterThan(result.energyWh * 0.8);
});

test('a bad line fails alone with 400, and its neighbours are answered', async () => {
  const [image = ''] = renderTextLines(TEXTS.slice(0, 1));
  const lines = [requestLine('good', image), requestLine('bad', 'bm90IGEgcG5n'), requestLine('also-good', image)];
  const { objects, shard } = await storeWithShard(lines);
  await (await testCar('car-a', objects)).attempt(shard).result;
  const answers = storedAnswers(objects, shard).map((line): BatchAnswerLine => JSON.parse(line));
  expect(answers.map((answer) => answer.response?.status_code)).toEqual([200, 400, 200]);
  expect(answers[1]).toMatchObject({
    custom_id: 'bad',
    error: null,
    response: { body: { error: { code: 'invalid_image' } } },
  });
});

test.each<LeaveReason>(['gear_out_of_park', 'slot_over'])(
  'leaving (%s) stores the part it is in, and another car goes on from there',
  async (reason) => {
    const { objects, shard } = await storeWithShard();
    const leaving = await testCar('car-a', objects, { pacer: after(5, () => leaving.ports.gate.close(reason)) });
    const first = leaving.attempt(shard);
    await expect(first.result).rejects.toMatchObject({
      type: 'VehicleLeaving',
      nonRetryable: false,
      category: 'BENIGN',
      details: [{ vehicleId: 'car-a', unstoredLines: 0 }, reason],
    });
    const left = first.heartbeats.at(-1);
    expect(left?.storedLines).toBe(left?.computedLines);
    expect(left?.storedLines).toBeGreaterThanOrEqual(5);
    expect(left?.storedLines).toBeLessThan(8);

    const second = await (await testCar('car-b', objects)).attempt(shard, left).result;
    expect(second).toMatchObject({ vehicleId: 'car-b', storedLines: 8, handovers: 1, redoneLines: 0 });
    expect(second.computedLines).toBe(8 - (left?.storedLines ?? 0));
    expect(storedAnswers(objects, shard)).toEqual(expected);
  },
);

test('what an attempt had computed and not stored is counted as redone by the next', async () => {
  const { objects, shard } = await storeWithShard();
  const lost: ShardHeartbeat = {
    vehicleId: 'car-a',
    storedLines: 3,
    computedLines: 5,
    unstoredLines: 2,
    energyWh: 0.1,
    deviceMs: 100,
    handovers: 2,
    redoneLines: 1,
  };
  await objects.put(
    objectKeys.part(JOB_ID, 0, { start: 0, end: 3 }, 'car-a'),
    expected
      .slice(0, 3)
      .map((line) => `${line}\n`)
      .join(''),
  );
  await objects.put(objectKeys.receipt(JOB_ID, 0, { start: 0, end: 3 }, 'car-a'), '{}');
  // A part that its car did not live to claim.
  await objects.put(objectKeys.part(JOB_ID, 0, { start: 3, end: 6 }, 'car-a'), 'cut off');
  const result = await (await testCar('car-b', objects)).attempt(shard, lost).result;
  expect(result).toMatchObject({ computedLines: 5, storedLines: 8, handovers: 3, redoneLines: 3 });
  expect(storedAnswers(objects, shard)).toEqual(expected);
});

test('two attempts at the same time write the same bytes, each under its own keys', async () => {
  const { objects, shard } = await storeWithShard();
  const cars = await Promise.all(['car-a', 'car-b'].map((id) => testCar(id, objects)));
  await Promise.all(cars.map((car) => car.attempt(shard).result));
  expect(new Set(partKeys(objects)).size).toBe(3);
  const hashes = receipts(objects).map(({ range, partSha256 }) => `${range.start} ${partSha256}`);
  expect(hashes).toHaveLength(6);
  expect(new Set(hashes).size).toBe(3);
  expect(storedAnswers(objects, shard)).toEqual(expected);
});

test('a copy of a shard, for a quorum, has the same bytes as the first', async () => {
  const { objects, shard } = await storeWithShard();
  const copy = { ...shard, shard: 1, slice: 0 };
  const cars = await Promise.all(['car-a', 'car-b'].map((id) => testCar(id, objects)));
  await Promise.all(cars.map((car, index) => car.attempt(index === 0 ? shard : copy).result));
  const receiptsOf = (each: number): string[] =>
    [...objects.bodies].flatMap(([key, body]) => {
      if (!key.startsWith(objectKeys.receiptPrefix(JOB_ID, each))) return [];
      const { range, partSha256 } = JSON.parse(body.toString()) as PartReceipt;
      return [`${range.start} ${partSha256}`];
    });
  expect(receiptsOf(0)).toHaveLength(3);
  expect(receiptsOf(1).toSorted()).toEqual(receiptsOf(0).toSorted());
});

test('a finished shard is answered from the disk when its completion was lost, also when the gate has closed', async () => {
  const { objects, shard } = await storeWithShard();
  const car = await testCar('car-a', objects);
  const result = await car.attempt(shard).result;
  car.ports.gate.close('slot_over');
  objects.offline = true;
  await expect(car.attempt(shard).result).resolves.toEqual(result);
});

test('a shard that was refused, and so lost its parts, is computed again by the car that finished it', async () => {
  const { objects, shard } = await storeWithShard();
  const car = await testCar('car-a', objects);
  await car.attempt(shard).result;
  for (const key of objects.bodies.keys()) if (/parts|receipts/.test(key)) objects.bodies.delete(key);
  expect(await car.attempt(shard).result).toMatchObject({ computedLines: 8, storedLines: 8 });
  expect(storedAnswers(objects, shard)).toEqual(expected);
});

test('a shard that arrives after the gate has closed is handed back before anything is read', async () => {
  const { objects, shard } = await storeWithShard();
  const car = await testCar('car-a', objects);
  car.ports.gate.close('unplugged');
  objects.offline = true;
  await expect(car.attempt(shard).result).rejects.toMatchObject({ type: 'GateClosed', category: 'BENIGN' });
  expect(objects.failedCalls).toBe(0);
});

test('a grid emergency stops the device at once and goes on with the same answers when it ends', async () => {
  const { objects, shard } = await storeWithShard();
  let gridMs = 0;
  const car = await testCar('car-a', objects, {
    pacer: after(4, () => car.ports.gate.close('grid_emergency')),
    // A clock that passes with every look at it: a meter that runs cannot read the same twice.
    meter: new EnergyMeter(
      () => 0.5,
      () => (gridMs += 1),
    ),
  });
  const attempt = car.attempt(shard);
  await vi.waitFor(() => expect(car.ports.gate.isOpen).toBe(false), { timeout: 10_000 });
  const { deviceMs } = car.ports.meter.read();
  expect(car.ports.meter.read().deviceMs).toBe(deviceMs);
  car.ports.gate.clear('grid_emergency');
  await expect(attempt.result).resolves.toMatchObject({ storedLines: 8 });
  expect(storedAnswers(objects, shard)).toEqual(expected);
});

test('a grid emergency that lasts gives the shard back with what is computed', async () => {
  const { objects, shard } = await storeWithShard();
  const car = await testCar('car-a', objects, {
    pacer: after(4, () => car.ports.gate.close('grid_emergency')),
    limits: { emergencyPatienceMs: 100 },
  });
  const attempt = car.attempt(shard);
  await expect(attempt.result).rejects.toMatchObject({ type: 'VehicleLeaving', details: [{}, 'grid_emergency'] });
  expect(attempt.heartbeats.at(-1)?.storedLines).toBeGreaterThanOrEqual(4);
  expect(car.ports.runner.pid).toBeUndefined();
});

test('a car that loses its network finishes the shard and delivers it when the network is back', async () => {
  const { objects, shard } = await storeWithShard();
  const goOffline = (): void => {
    objects.offline = true;
  };
  const car = await testCar('car-a', objects, { pacer: after(1, goOffline) });
  const attempt = car.attempt(shard);
  await vi.waitFor(() => expect(attempt.heartbeats.at(-1)).toMatchObject({ computedLines: 8, storedLines: 0 }), {
    timeout: 10_000,
  });
  objects.offline = false;
  await expect(attempt.result).resolves.toMatchObject({ storedLines: 8, computedLines: 8 });
  expect(storedAnswers(objects, shard)).toEqual(expected);
});

test('parts that a leaving car could not store in time are delivered after its attempt', async () => {
  const { objects, shard } = await storeWithShard();
  const leaveOffline = (): void => {
    objects.offline = true;
    car.ports.gate.close('unplugged');
  };
  const car = await testCar('car-a', objects, { pacer: after(2, leaveOffline), limits: { flushLimitMs: 50 } });
  await expect(car.attempt(shard).result).rejects.toMatchObject({ type: 'VehicleLeaving' });
  objects.offline = false;
  await vi.waitFor(() => expect(partKeys(objects)).toHaveLength(1), { timeout: 10_000 });
});

test('cancellation stores what is computed and then ends as cancelled', async () => {
  const { objects, shard } = await storeWithShard();
  const car = await testCar('car-a', objects, { pacer: after(4, () => attempt.cancel()) });
  const attempt = car.attempt(shard);
  await expect(attempt.result).rejects.toMatchObject({ name: 'CancelledFailure' });
  expect(storedAnswers(objects, shard).filter(Boolean).length).toBeGreaterThanOrEqual(4);
});

test('kill -9 of the runner in mid-run changes no byte', async () => {
  const { objects, shard } = await storeWithShard();
  const car = await testCar('car-a', objects, {
    pacer: after(4, () => {
      const pid = car.ports.runner.pid;
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
    }),
  });
  await car.attempt(shard).result;
  expect(storedAnswers(objects, shard)).toEqual(expected);
});

test('a passed deadline ends the attempt for good, with the finished parts stored', async () => {
  const { objects, shard } = await storeWithShard();
  const car = await testCar('car-a', objects);
  await expect(car.attempt({ ...shard, deadlineMs: Date.now() - 1 }).result).rejects.toMatchObject({
    type: 'DeadlinePassed',
    nonRetryable: true,
  });
  expect(partKeys(objects)).toEqual([]);
});

test('a model whose bytes do not have the pinned hash is never opened', async () => {
  const { objects, shard } = await storeWithShard();
  await objects.put(objectKeys.model(shard.model.sha256), 'not the network');
  const car = await testCar('car-a', objects);
  await expect(car.attempt(shard).result).rejects.toMatchObject({ type: 'ModelHashMismatch', nonRetryable: true });
  expect(car.ports.runner.pid).toBeUndefined();
});

test.each([
  ['missing', undefined],
  ['of another length', '{}\n'],
  ['not JSON', 'x\n'.repeat(8)],
])('a slice that is %s is refused for good', async (_, body) => {
  const { objects, shard } = await storeWithShard();
  if (body === undefined) objects.bodies.delete(shard.inputKey);
  else await objects.put(shard.inputKey, body);
  await expect((await testCar('car-a', objects)).attempt(shard).result).rejects.toMatchObject({
    type: 'InvalidShard',
    nonRetryable: true,
  });
});
