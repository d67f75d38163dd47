import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { speedsOf } from '../../domain/classSpeed.ts';
import { workUnitsOf } from '../../domain/workUnits.ts';

test.each([
  ['text-embedding', { input: 'a car' }, 2],
  ['text-embedding', { input: Array.from({ length: 2048 }, () => 'a car') }, 4096],
  ['text-embedding', { input: [1, 2, 3] }, 3],
  ['text-embedding', { input: [[1, 2], [3]] }, 3],
  ['image-ctc', { inputs: [{ name: 'image', datatype: 'BYTES', shape: [5], data: [] }] }, 5],
  ['tensors', { inputs: [{ shape: [2, 3, 4] }, { shape: [7] }] }, 31],
  [undefined, { input: 'a model without a manifest' }, 1],
] as const)('counts the work of a request to %s by its body', (kind, body, units) => {
  expect(workUnitsOf(kind, body)).toBe(units);
});

test('counts at least one unit and never fails, whatever the body', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('text-embedding' as const, 'image-ctc' as const, 'tensors' as const),
      fc.dictionary(fc.constantFrom('input', 'inputs', 'shape', 'x'), fc.jsonValue()),
      (kind, body) => {
        expect(workUnitsOf(kind, body)).toBeGreaterThanOrEqual(1);
      },
    ),
  );
});

const known = (statedMsPerUnit: number, ...measuredMsPerUnit: number[]) => ({ statedMsPerUnit, measuredMsPerUnit });
const speeds = (...classes: ReturnType<typeof known>[]) => speedsOf(classes).map((speed) => speed.deviceMsPerUnit);

test('expects of a class without measurements what the others show', () => {
  expect(speeds(known(10, 1, 1, 1), known(20))).toEqual([1, 2]);
});

test('takes the median, so that fewer than half of the shards set no speed', () => {
  expect(speeds(known(10, 1, 1, 500, 1, 900))).toEqual([1]);
  expect(speeds(known(10, 1000))[0]).toBeLessThanOrEqual(100);
});
