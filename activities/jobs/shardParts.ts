import type { LineRange } from '../../domain/names.ts';
import type { PartReceipt } from '../../domain/shards.ts';

/** What one car is paid for in a shard, and which of its lines those are. */
export interface Attribution {
  readonly vehicleId: string;
  readonly ranges: readonly LineRange[];
  readonly lines: number;
  /** How many of those are canaries. */
  readonly canaries: number;
  readonly energyWh: number;
  readonly deviceMs: number;
}

/**
 * Who is paid for what: each line once, to the car whose receipt comes first in order of range and car. Where two cars
 * did the same lines, a receipt's energy counts in proportion to the lines that are attributed to it.
 */
export function attribute(receipts: readonly PartReceipt[], canaries: ReadonlySet<number> = NONE): Attribution[] {
  const ordered = inOrder(receipts);
  const byVehicle = new Map<string, Sum>();
  const taken = new Set<number>();
  for (const { vehicleId, range, energyWh, deviceMs } of ordered) {
    let lines = 0;
    let known = 0;
    for (let line = range.start; line < range.end; line++) {
      if (taken.has(line)) continue;
      taken.add(line);
      lines++;
      if (canaries.has(line)) known++;
    }
    if (lines === 0) continue;
    const share = lines / (range.end - range.start);
    const sum = byVehicle.get(vehicleId) ?? { ranges: [], lines: 0, canaries: 0, energyWh: 0, deviceMs: 0 };
    sum.ranges.push(range);
    sum.lines += lines;
    sum.canaries += known;
    sum.energyWh += energyWh * share;
    sum.deviceMs += deviceMs * share;
    byVehicle.set(vehicleId, sum);
  }
  return [...byVehicle].map(([vehicleId, sum]) => ({ vehicleId, ...sum }));
}

type Sum = { -readonly [Name in keyof Omit<Attribution, 'vehicleId' | 'ranges'>]: number } & { ranges: LineRange[] };
const NONE: ReadonlySet<number> = new Set();

/** The receipts in the order in which they count: where two have a line, the first has it. */
export function inOrder(receipts: readonly PartReceipt[]): PartReceipt[] {
  return receipts.toSorted(
    (a, b) => a.range.start - b.range.start || a.range.end - b.range.end || compare(a.vehicleId, b.vehicleId),
  );
}

/** Lines that were computed and stored more than once. */
export function duplicatedLines(receipts: readonly PartReceipt[], attributions: readonly Attribution[]): number {
  const stored = receipts.reduce((sum, { range }) => sum + range.end - range.start, 0);
  return stored - attributions.reduce((sum, { lines }) => sum + lines, 0);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
