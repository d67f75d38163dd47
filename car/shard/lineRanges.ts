import type { LineRange } from '../../domain/names.ts';

/** The ranges of [0, lines) that none of `covered` covers, in order. `covered` may overlap and be in any order. */
export function uncoveredRanges(lines: number, covered: readonly LineRange[]): LineRange[] {
  const gaps: LineRange[] = [];
  let reached = 0;
  for (const range of [...covered].sort((a, b) => a.start - b.start)) {
    if (range.start > reached) gaps.push({ start: reached, end: Math.min(range.start, lines) });
    reached = Math.max(reached, range.end);
    if (reached >= lines) return gaps;
  }
  return [...gaps, { start: reached, end: lines }].filter((gap) => gap.start < gap.end);
}

/**
 * Cuts ranges at the multiples of `linesPerPart`. All attempts cut at the same lines, so two that run at once write
 * the same keys.
 */
export function partRanges(ranges: readonly LineRange[], linesPerPart: number): LineRange[] {
  const parts: LineRange[] = [];
  for (const range of ranges) {
    for (let start = range.start; start < range.end;) {
      const end = Math.min(range.end, (Math.floor(start / linesPerPart) + 1) * linesPerPart);
      parts.push({ start, end });
      start = end;
    }
  }
  return parts;
}

/** A part and the piece of it that is computed at one go. */
export interface MicroBatch {
  readonly part: LineRange;
  readonly range: LineRange;
}

/** Cuts each part into pieces of as many lines as `lines` says when the piece is asked for. */
export function* microBatches(parts: readonly LineRange[], lines: () => number): Generator<MicroBatch, undefined> {
  for (const part of parts) {
    for (let start = part.start; start < part.end;) {
      const end = Math.min(start + lines(), part.end);
      yield { part, range: { start, end } };
      start = end;
    }
  }
}

/** Lines in the ranges, which must not overlap. */
export function countLines(ranges: readonly LineRange[]): number {
  return ranges.reduce((sum, range) => sum + range.end - range.start, 0);
}

export function linesOf({ start, end }: LineRange): number[] {
  return Array.from({ length: end - start }, (_, offset) => start + offset);
}

/** Ascending lines as ranges without gaps. */
export function runsOf(lines: readonly number[]): LineRange[] {
  const runs: LineRange[] = [];
  for (const line of lines) {
    const last = runs.at(-1);
    if (last?.end === line) runs[runs.length - 1] = { start: last.start, end: line + 1 };
    else runs.push({ start: line, end: line + 1 });
  }
  return runs;
}
