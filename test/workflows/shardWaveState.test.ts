import { expect, test } from 'vitest';

import { WaveShards } from '../../workflows/shardWaveState.ts';

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
