import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { apportion } from '../../domain/apportion.ts';
import { divideJob, type CellBid } from '../../planning/divideJob.ts';

const count = fc.integer({ min: 0, max: 5_000 });
const offer = fc.record({
  eurPerShard: fc.option(fc.double({ min: -0.1, max: 1, noNaN: true })),
  spareShards: count,
  lateShards: count,
});
const bidsOf = (word: fc.Arbitrary<CellBid['word']>): fc.Arbitrary<CellBid[]> =>
  fc
    .array(fc.record({ shards: count, moved: fc.option(fc.integer({ min: -500, max: 500 })), word }), {
      minLength: 1,
      maxLength: 6,
    })
    .map((bids) => bids.map((bid, index) => ({ ...bid, cellId: `cell-${index}` })));
const anyBids = bidsOf(fc.oneof(offer, fc.constant('silent' as const), fc.constant('dead' as const)));

const isAble = ({ word }: CellBid): boolean => typeof word !== 'string' && word.eurPerShard !== null;
const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);

describe('apportioning', () => {
  test('gives away everything, within one of the exact share, and nothing to a weight of 0', () => {
    fc.assert(
      fc.property(count, fc.array(count, { minLength: 1, maxLength: 8 }), (total, weights) => {
        const parts = apportion(total, weights);
        expect(sum(parts)).toBe(total);
        const all = sum(weights);
        for (const [index, part] of parts.entries()) {
          if (all > 0) expect(Math.abs(part - (total * (weights[index] ?? 0)) / all)).toBeLessThan(1);
          if (all > 0 && weights[index] === 0) expect(part).toBe(0);
        }
      }),
    );
  });
});

describe('dividing a job among cells', () => {
  test('loses no shard and counts none twice', () => {
    fc.assert(
      fc.property(anyBids, (bids) => {
        const shares = divideJob(bids);
        expect(shares.map(({ cellId }) => cellId)).toEqual(bids.map(({ cellId }) => cellId));
        expect(sum(shares.map(({ shards }) => shards))).toBe(sum(bids.map(({ shards }) => shards)));
        for (const { shards } of shares) expect(Number.isInteger(shards) && shards >= 0).toBe(true);
      }),
    );
  });

  test('leaves nothing with a dead cell once another can compute it', () => {
    fc.assert(
      fc.property(anyBids, (bids) => {
        fc.pre(bids.some(isAble));
        const shares = divideJob(bids);
        for (const [index, { word }] of bids.entries()) if (word === 'dead') expect(shares[index]?.shards).toBe(0);
      }),
    );
  });

  test('does not touch a cell whose plan has not said a word yet', () => {
    fc.assert(
      fc.property(anyBids, (bids) => {
        const shares = divideJob(bids);
        for (const [index, { word, shards }] of bids.entries())
          if (word === 'silent') expect(shares[index]?.shards).toBe(shards);
      }),
    );
  });

  test('moves shards by price only from the dearest to the cheapest, and never beyond its room', () => {
    fc.assert(
      fc.property(bidsOf(offer.map((each) => ({ ...each, lateShards: 0 }))), (bids) => {
        const moves = divideJob(bids).map(({ shards }, index) => shards - (bids[index]?.shards ?? 0));
        const givers = bids.filter((_, index) => (moves[index] ?? 0) < 0);
        const takers = bids.filter((_, index) => (moves[index] ?? 0) > 0);
        expect(givers.length).toBeLessThanOrEqual(1);
        expect(takers.length).toBe(givers.length);
        const [giver, taker] = [givers[0]?.word, takers[0]?.word];
        if (typeof giver !== 'object' || typeof taker !== 'object') return;
        expect(taker.eurPerShard).toBeLessThan(giver.eurPerShard ?? -Infinity);
        expect(Math.max(...moves)).toBeLessThanOrEqual(taker.spareShards);
      }),
    );
  });

  test('what is late moves to where there is room, the cheapest first; the rest stays', () => {
    const shares = divideJob([
      { cellId: 'full', shards: 100, moved: null, word: { eurPerShard: 0.9, spareShards: 0, lateShards: 60 } },
      { cellId: 'dear', shards: 0, moved: null, word: { eurPerShard: 0.2, spareShards: 30, lateShards: 0 } },
      { cellId: 'cheap', shards: 0, moved: null, word: { eurPerShard: 0.1, spareShards: 20, lateShards: 0 } },
    ]);
    expect(shares.map(({ shards }) => shards)).toEqual([50, 30, 20]);
  });

  test('comes close to the cheapest division as plans answer with their new prices', () => {
    const market = fc.record({
      total: fc.integer({ min: 20, max: 2_000 }),
      /** A cell's price rises from `from` by `slope` EUR over its room. */
      cells: fc.array(
        fc.record({
          from: fc.double({ min: 0.01, max: 0.2, noNaN: true }),
          slope: fc.double({ min: 0.01, max: 0.5, noNaN: true }),
          room: fc.integer({ min: 1_000, max: 4_000 }),
        }),
        { minLength: 2, maxLength: 4 },
      ),
    });
    fc.assert(
      fc.property(market, ({ total, cells }) => {
        fc.pre(sum(cells.map(({ room }) => room)) >= total);
        const priceAt = (index: number, shards: number): number => {
          const cell = cells[index];
          return cell ? cell.from + (cell.slope * shards) / cell.room : Number.POSITIVE_INFINITY;
        };
        let bids = cells.map((_, index): { shards: number; moved: number | null } => ({
          shards: index === 0 ? total : 0,
          moved: null,
        }));
        for (let round = 0; round < 96; round++) {
          bids = divideJob(
            bids.map(({ shards, moved }, index) => {
              const room = cells[index]?.room ?? 0;
              const lateShards = Math.max(0, shards - room);
              const word = { eurPerShard: priceAt(index, shards), spareShards: Math.max(0, room - shards), lateShards };
              return { cellId: `cell-${index}`, shards, moved, word };
            }),
          );
        }
        const cost = (counts: readonly number[]): number =>
          sum(counts.map((shards, index) => ((priceAt(index, 0) + priceAt(index, shards)) / 2) * shards));
        const best = cells.map(() => 0);
        for (let shard = 0; shard < total; shard++) {
          const open = best.map((shards, index) =>
            shards < (cells[index]?.room ?? 0) ? priceAt(index, shards) : Number.POSITIVE_INFINITY,
          );
          const cheapest = open.indexOf(Math.min(...open));
          best[cheapest] = (best[cheapest] ?? 0) + 1;
        }
        expect(cost(bids.map(({ shards }) => shards))).toBeLessThanOrEqual(1.01 * cost(best) + 0.01);
      }),
      { numRuns: 60 },
    );
  });
});
