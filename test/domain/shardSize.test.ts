import { expect, test } from 'vitest';
import { shardSizeOf } from '../../domain/shardSize.ts';

const speeds = (...secondsPerLine: number[]) => secondsPerLine.map((seconds) => ({ deviceMsPerLine: seconds * 1000 }));

test.each([
  ['ten minutes of the class in the middle, parts of four minutes of the slowest', speeds(240, 150, 80), 4, 1],
  ['one line at the least, however long it takes', speeds(3600), 1, 1],
  ['many short lines', speeds(0.05), 12_000, 4800],
  ['nothing is known', [], 16, 4],
])('%s', (_, known, linesPerShard, linesPerPart) => {
  expect(shardSizeOf(known)).toEqual({ linesPerShard, linesPerPart });
});
