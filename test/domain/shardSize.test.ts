import { expect, test } from 'vitest';
import { shardSizeOf } from '../../domain/shardSize.ts';

const stated = (...secondsPerLine: number[]) =>
  secondsPerLine.map((seconds) => ({ deviceMsPerUnit: seconds * 1000, measuredMsPerUnit: [] as number[] }));
const measured = (...secondsPerLine: number[]) =>
  stated(...secondsPerLine).map((speed) => ({ ...speed, measuredMsPerUnit: [1] }));

test.each([
  ['ten minutes of the class in the middle, parts of four minutes of the slowest', stated(240, 150, 80), 4, 1],
  ['one line at the least, however long it takes', stated(3600), 1, 1],
  ['many short lines, once cars have been measured', measured(0.05), 12_000, 1200],
  ['a figure that is only stated is trusted so far', stated(0.05), 64, 64],
  ['nothing is known', [], 16, 4],
])('%s', (_, known, linesPerShard, linesPerPart) => {
  expect(shardSizeOf(known, 1)).toEqual({ linesPerShard, linesPerPart });
});
