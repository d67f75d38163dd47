import { PNG } from 'pngjs';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { partRanges, uncoveredRanges, countLines } from '../../car/shard/lineRanges.ts';
import { MicroBatchSizer } from '../../car/shard/microBatchSizer.ts';
import { decodeGrayPng, isGrayPngOfHeight } from '../../inference/runner/grayPng.ts';
import { decodeCtc } from '../../inference/runner/imageCtc.ts';
import { PausableTimeout } from '../../inference/runner/pausableTimeout.ts';

describe('decodeCtc', () => {
  const alphabet = ['', 'a', 'b', ' '];
  const decode = (...steps: [number, number][]) => {
    const scores = new Float32Array(steps.length * alphabet.length);
    for (const [step, [symbol, probability]] of steps.entries()) scores[step * alphabet.length + symbol] = probability;
    return decodeCtc(scores, [1, steps.length, alphabet.length], alphabet);
  };

  test('drops blanks and repeats, keeps doubles that a blank parts', () => {
    expect(decode([1, 0.9], [1, 0.8], [0, 0.9], [1, 0.7], [3, 0.9], [2, 0.9]).text).toBe('aa b');
  });
  test('confidence is the mean of the kept steps, to four digits', () => {
    expect(decode([1, 0.91234567], [0, 0.1], [2, 0.5]).confidence).toBe(0.7062);
  });
  test('an empty line has no confidence', () => {
    expect(decode([0, 0.9])).toEqual({ text: '', confidence: 0 });
  });
  test('a dictionary that does not fit the network is refused', () => {
    expect(() => decodeCtc(new Float32Array(5), [1, 1, 5], alphabet)).toThrow('5 classes');
  });
});

function encode(widthPx: number, heightPx: number, gray: number[], colorType: 0 | 2 = 0): Buffer {
  const png = new PNG({ width: widthPx, height: heightPx });
  png.data = Buffer.from(gray.flatMap((value) => [value, value, value, 255]));
  return PNG.sync.write(png, { colorType });
}

describe('decodeGrayPng', () => {
  const limits = { heightPx: 2, maxWidthPx: 10 };

  test('gives back the pixels that were encoded', () => {
    const image = fc.integer({ min: 1, max: 10 }).chain((widthPx) =>
      fc.record({
        widthPx: fc.constant(widthPx),
        gray: fc.array(fc.nat(255), { minLength: widthPx * 2, maxLength: widthPx * 2 }),
      }),
    );
    fc.assert(
      fc.property(image, ({ widthPx, gray }) => {
        expect([...decodeGrayPng(encode(widthPx, 2, gray), limits).pixels]).toEqual(gray);
      }),
    );
  });
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['another format', Buffer.alloc(100, 1)],
    ['another height', encode(3, 1, [1, 2, 3])],
    ['colour', encode(1, 2, [1, 2], 2)],
  ])('is not for %s', (_, bytes) => {
    expect(isGrayPngOfHeight(bytes, limits.heightPx)).toBe(false);
  });
  test.each([
    ['a great width', encode(11, 2, Array(22).fill(0)), '11 x 2 px'],
    ['a cut', encode(3, 2, [1, 2, 3, 4, 5, 6]).subarray(0, -20), 'damaged'],
  ])('refuses %s', (_, bytes, message) => {
    expect(isGrayPngOfHeight(bytes, limits.heightPx)).toBe(true);
    expect(() => decodeGrayPng(bytes, limits)).toThrow(message);
  });
});

describe('line ranges', () => {
  test('what is covered and what is cut into parts make up the shard, each line once', () => {
    const range = fc.tuple(fc.nat(40), fc.nat(40)).map(([a, b]) => ({ start: Math.min(a, b), end: Math.max(a, b) }));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.array(range),
        fc.integer({ min: 1, max: 7 }),
        (lines, covered, size) => {
          const parts = partRanges(uncoveredRanges(lines, covered), size);
          const computed = parts.flatMap(({ start, end }) =>
            Array.from({ length: end - start }, (_, index) => start + index),
          );
          const wanted = Array.from({ length: lines }, (_, line) => line).filter(
            (line) => !covered.some(({ start, end }) => start <= line && line < end),
          );
          expect(computed).toEqual(wanted);
          expect(countLines(parts)).toBe(wanted.length);
          expect(parts.every(({ start, end }) => Math.floor(start / size) === Math.floor((end - 1) / size))).toBe(true);
        },
      ),
    );
  });
});

describe('MicroBatchSizer', () => {
  test('settles where a batch takes the target, whatever the speed', () => {
    fc.assert(
      fc.property(fc.double({ min: 4, max: 5_000, noNaN: true }), (msPerLine) => {
        const sizer = new MicroBatchSizer(200);
        for (let batch = 0; batch < 10; batch += 1) sizer.measured(sizer.lines, sizer.lines * msPerLine);
        expect(sizer.lines).toBe(Math.max(1, Math.min(64, Math.floor(200 / msPerLine))));
      }),
    );
  });
});

describe('PausableTimeout', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('does not count the time while paused', () => {
    const onTimeout = vi.fn();
    const timeout = new PausableTimeout(100, onTimeout);
    timeout.resume();
    vi.advanceTimersByTime(60);
    timeout.pause();
    vi.advanceTimersByTime(10_000);
    timeout.resume();
    vi.advanceTimersByTime(39);
    expect(onTimeout).not.toHaveBeenCalled();
    vi.advanceTimersByTime(2);
    expect(onTimeout).toHaveBeenCalledOnce();
  });
  test('never fires once cleared', () => {
    const onTimeout = vi.fn();
    const timeout = new PausableTimeout(100, onTimeout);
    timeout.resume();
    timeout.clear();
    timeout.resume();
    vi.advanceTimersByTime(1_000);
    expect(onTimeout).not.toHaveBeenCalled();
  });
});
