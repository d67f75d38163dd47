import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { agreementOf } from '../../../domain/rollouts/agreement.ts';

const answer = (embedding: unknown) => ({ object: 'list', model: 'm', data: [{ index: 0, embedding }] });

const packed = (values: number[]) => Buffer.from(new Float32Array(values).buffer).toString('base64');

describe('agreement of two versions', () => {
  test('is the angle of vectors, packed or not, and not their length', () => {
    expect(agreementOf(answer([1, 0]), answer([2, 0]))).toBe(1);
    expect(agreementOf(answer([1, 0]), answer([0, 1]))).toBe(0);
    expect(agreementOf(answer([1, 1]), answer([1, 0]))).toBeCloseTo(Math.SQRT1_2, 6);
    expect(agreementOf(answer(packed([1, 0])), answer(packed([3, 0])))).toBe(1);
  });

  test('is the edits of texts', () => {
    expect(agreementOf({ data: ['parked car'] }, { data: ['parked cat'] })).toBeCloseTo(0.9);
    expect(agreementOf({ data: [''] }, { data: ['x'] })).toBe(0);
  });

  test('does not count what names the version or the moment', () => {
    expect(agreementOf({ id: 'a', model_version: '1', n: 1 }, { id: 'b', model_version: '2', n: 1 })).toBe(1);
  });

  test('is 0 where an answer is missing, of another form or no number', () => {
    expect(agreementOf({ data: [1] }, {})).toBe(0);
    expect(agreementOf([1, 2], [1, 2, 3])).toBe(0);
    expect(agreementOf(answer([Number.NaN, 1]), answer([1, 1]))).toBe(0);
    expect(agreementOf(Number.NaN, 1)).toBe(0);
  });

  test('is 1 with itself, and the same both ways, within 0 and 1', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        expect(agreementOf(a, a)).toBeCloseTo(1, 9);
        const there = agreementOf(a, b);
        expect(there).toBeGreaterThanOrEqual(0);
        expect(there).toBeLessThanOrEqual(1);
        expect(agreementOf(b, a)).toBeCloseTo(there, 9);
      }),
    );
  });
});
