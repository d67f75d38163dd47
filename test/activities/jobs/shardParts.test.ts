import fc from 'fast-check';
import { expect, test } from 'vitest';
import { attribute, duplicatedLines } from '../../../activities/jobs/shardParts.ts';
import type { PartReceipt } from '../../../domain/shards.ts';

function receipt(vehicleId: string, start: number, end: number, energyWh = end - start): PartReceipt {
  return { vehicleId, range: { start, end }, energyWh, deviceMs: (end - start) * 1000, partSha256: '' };
}

const energyOf = (list: readonly { energyWh: number }[]) => list.reduce((sum, { energyWh }) => sum + energyWh, 0);

test('each car is paid for its own lines', () => {
  const paid = attribute([receipt('a', 0, 4), receipt('b', 4, 8)]);
  expect(paid.map(({ vehicleId, lines, energyWh }) => [vehicleId, lines, energyWh])).toEqual([
    ['a', 4, 4],
    ['b', 4, 4],
  ]);
});

test('lines that two cars did are paid once, in proportion', () => {
  const receipts = [receipt('a', 0, 3), receipt('b', 0, 4, 8)];
  expect(attribute(receipts).map(({ vehicleId, lines, energyWh }) => [vehicleId, lines, energyWh])).toEqual([
    ['a', 3, 3],
    ['b', 1, 2],
  ]);
  expect(duplicatedLines(receipts, attribute(receipts))).toBe(3);
});

test('whatever the receipts, each line is attributed once, and nobody gets more energy than claimed', () => {
  const anyReceipt = fc
    .tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(10), fc.integer({ min: 1, max: 5 }), fc.nat(100))
    .map(([vehicleId, start, length, energyWh]) => receipt(vehicleId, start, start + length, energyWh));
  fc.assert(
    fc.property(fc.array(anyReceipt), (receipts) => {
      const covered = new Set(
        receipts.flatMap(({ range }) => Array.from({ length: range.end - range.start }, (_, i) => range.start + i)),
      );
      const paid = attribute(receipts);
      expect(paid.reduce((sum, { lines }) => sum + lines, 0)).toBe(covered.size);
      expect(energyOf(paid)).toBeLessThanOrEqual(energyOf(receipts) + 1e-9);
    }),
  );
});
