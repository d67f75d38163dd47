import { expect, test } from 'vitest';

import { runShardInput, WaveShards } from '../../workflows/shardWaveState.ts';

const result = {
  vehicleId: 'v',
  storedLines: 1,
  computedLines: 1,
  energyWh: 1,
  deviceMs: 1,
  handovers: 0,
  redoneLines: 0,
};

test('a shard that is refused for its car’s sake goes back without counting as failed', () => {
  const wave = new WaveShards(1, [1, 2, 3]);
  for (const shard of [1, 2, 3]) wave.finished({ shard, result });
  const report = wave.report([
    { shard: 1, accepted: true, message: '' },
    { shard: 2, accepted: false, message: 'the car is in quarantine', again: true },
    { shard: 3, accepted: false, message: 'cut off' },
  ]);
  expect(report).toEqual({ wave: 1, done: [1], returned: [2], failed: [{ shard: 3, message: 'cut off' }] });
  expect(wave.open).toBe(false);
});

test('shards of a quorum answer the slice that they are copies of', () => {
  const model = { name: 'm', version: '1', family: 'f', sha256: '0' };
  const split = { model, lines: 25, shards: 6, linesPerShard: 10, linesPerPart: 5, deadlineMs: 1 };
  const asked = Array.from({ length: 6 }, (_, shard) => runShardInput('b', { ...split, quorum: 2 }, shard));
  expect(asked.map(({ shard, slice = shard, lines }) => [shard, slice, lines])).toEqual([
    [0, 0, 10],
    [1, 0, 10],
    [2, 1, 10],
    [3, 1, 10],
    [4, 2, 5],
    [5, 2, 5],
  ]);
  // Without one, nothing is said of slices: agents of versions before know none.
  expect(runShardInput('b', { ...split, shards: 3 }, 2)).toMatchObject({ shard: 2, lines: 5 });
  expect(runShardInput('b', { ...split, shards: 3 }, 2)).not.toHaveProperty('slice');
});
