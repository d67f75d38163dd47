import { describe, expect, test } from 'vitest';
import { judgeProbe } from '../../domain/probes.ts';
import type { HardwareClassSpec } from '../../domain/hardwareClasses.ts';

const spec = (id: string, chipKw: number, probeGflops: number | null): HardwareClassSpec => ({
  id,
  chipKw,
  awakeKw: 0,
  cooling: 'included',
  providers: ['cpu'],
  probeGflops,
  memoryMb: null,
  source: 'test',
  assumed: false,
});
const classes = [spec('small', 0.02, 50), spec('large', 0.3, 2_000), spec('unknown', 0.1, null)];
const judged = (hardwareClass: string, gflops: number, watts: number | null, gflopsOfOthers: number[] = []) =>
  judgeProbe({ probe: { gflops, watts, provider: 'cpu' }, classes, hardwareClass, gflopsOfOthers });

describe('a probe', () => {
  test('agrees with its class within what computers of a class differ by', () => {
    expect(judged('small', 30, 25).findings).toEqual([]);
    expect(judged('small', 30, null).findings).toEqual([]);
  });

  test('finds a computer that is slower, and one that draws less than it would be paid for', () => {
    const { findings, nearestClass } = judged('large', 48, 21);
    expect(findings).toEqual(['It computes 48.0 GFLOP/s, the class 2000.0.', 'It draws 21 W, the class 300 W.']);
    expect(nearestClass).toBe('small');
  });

  test('is held against the others of its class where nobody has said what the class does, when they are enough', () => {
    expect(judged('unknown', 10, 100, [100, 110]).findings).toEqual([]);
    expect(judged('unknown', 10, 100, [100, 110, 90]).findings).toEqual(['It computes 10.0 GFLOP/s, the class 100.0.']);
  });

  test('says of a computer that draws nothing that it draws nothing', () => {
    expect(judged('small', 50, 0).findings).toEqual(['It draws 0 W, the class 20 W.']);
  });
});
