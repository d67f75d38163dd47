import { describe, expect, test } from 'vitest';

import { answerDistance, lineDistance } from '../../../domain/trust/sameAnswer.ts';
import { holdText } from '../../../domain/trust/sameText.ts';
import { toleranceOf, UNMEASURED, WIDEST } from '../../../domain/trust/tolerance.ts';

describe('the tolerance of a model', () => {
  test('is four times the widest that was measured, within limits', () => {
    expect(toleranceOf([])).toEqual(UNMEASURED);
    expect(toleranceOf([{ numbers: 0, logits: 0 }])).toEqual({ numbers: 1e-3, logits: 0.02 });
    const measured = [
      { numbers: 0.01, logits: 0.001 },
      { numbers: 0.002, logits: 0.05 },
    ];
    expect(toleranceOf(measured)).toEqual({ numbers: 0.04, logits: 0.2 });
    expect(toleranceOf([{ numbers: 9, logits: 9 }])).toEqual(WIDEST);
  });
});

describe('the distance of two answers', () => {
  test('is 0 of the same, infinite of other texts and structures, else that of the widest number', () => {
    expect(answerDistance({ a: [1, 2] }, { a: [1, 2] })).toBe(0);
    expect(answerDistance({ a: [1, 2.2] }, { a: [1, 2] })).toBeCloseTo(0.1);
    expect(answerDistance({ a: 1 }, { a: 1, b: 2 })).toBe(Number.POSITIVE_INFINITY);
    expect(answerDistance('x', 'y')).toBe(Number.POSITIVE_INFINITY);
    expect(answerDistance([Number.NaN], [1])).toBe(Number.POSITIVE_INFINITY);
    expect(answerDistance([0, 0], [0, 0])).toBe(0);
    expect(lineDistance('no JSON', '{}')).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('a text', () => {
  const tolerance = { numbers: 0.001, logits: 0.1 };
  const line = JSON.stringify({ text: 'a', logprob: -1, top_logprobs: [{ token: 'x' }] });
  const held = (distances: readonly number[], isWhole = true, said = line) =>
    holdText(said, line, [{ distances, isWhole }], tolerance);

  test('holds where its tokens are within the tolerance, and a few beyond it only count', () => {
    expect(held([0, 0.05])).toEqual({ differs: false, tokens: 2, divergent: 0 });
    expect(held([0, 0.5, 0.9])).toEqual({ differs: false, tokens: 3, divergent: 2 });
  });

  test('differs by one absurd token, an end without a reason, other words, and probabilities that are too far off', () => {
    expect(held([0, 1.1]).differs).toBe(true);
    expect(held([0], false).differs).toBe(true);
    expect(held([0], true, line.replace('"a"', '"b"')).differs).toBe(true);
    expect(held([0], true, line.replace('-1', '-1.1')).differs).toBe(false);
    expect(held([0], true, line.replace('-1', '-1.5')).differs).toBe(true);
    // Alternatives may be in another order.
    expect(held([0], true, line.replace('"x"', '"y"')).differs).toBe(false);
  });

  test('that is an error is held against the trusted computer’s error', () => {
    expect(holdText(line, line, undefined, tolerance).differs).toBe(false);
    expect(holdText('{"error":1}', line, undefined, tolerance).differs).toBe(true);
  });
});
