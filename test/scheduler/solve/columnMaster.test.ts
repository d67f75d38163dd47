import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ColumnMaster, type BlockColumn } from '../../../scheduler/solve/columnMaster.ts';

const instance = fc.integer({ min: 1, max: 4 }).chain((jobs) =>
  fc.record({
    work: fc.array(fc.integer({ min: 0, max: 30 }), { minLength: jobs, maxLength: jobs }),
    penalty: fc.array(fc.integer({ min: 1, max: 50 }), { minLength: jobs, maxLength: jobs }),
    blocks: fc.array(
      fc.record({
        idleEur: fc.integer({ min: -20, max: 20 }),
        others: fc.array(
          fc.record({
            costEur: fc.integer({ min: -20, max: 200 }),
            shards: fc.array(fc.integer({ min: 0, max: 12 }), { minLength: jobs, maxLength: jobs }),
          }),
          { maxLength: 5 },
        ),
      }),
      { minLength: 1, maxLength: 12 },
    ),
  }),
);

// Strong duality: no cheaper mix exists than one whose cost is that of prices at which no column is worth more.
test('mixes the blocks at the least cost, and its prices prove it', () => {
  fc.assert(
    fc.property(instance, ({ work, penalty, blocks }) => {
      const columns: BlockColumn[] = blocks.map(({ idleEur }, block) => ({
        block,
        costEur: idleEur,
        shards: new Float64Array(work.length),
      }));
      const master = new ColumnMaster(columns.slice(), Float64Array.from(work), Float64Array.from(penalty));
      // Added in turns, as rounds do: each goes on from the last basis.
      for (let turn = 0; turn < 5; turn++) {
        for (const [block, { others }] of blocks.entries()) {
          const other = others[turn];
          if (!other) continue;
          const column = { block, costEur: other.costEur, shards: Float64Array.from(other.shards) };
          columns.push(column);
          master.add(column);
        }
        // A surplus is free, as at the end of a search.
        master.boxPrices(new Float64Array(work.length), Float64Array.from(penalty));
        const mixEur = master.solve();
        const jobPrice = [...master.jobPrice];
        // What each block would do at these prices.
        const least = blocks.map((_, index) =>
          Math.min(
            ...columns
              .filter(({ block }) => block === index)
              .map(({ costEur, shards }) =>
                jobPrice.reduce((sum, price, j) => sum - price * (shards[j] ?? 0), costEur),
              ),
          ),
        );
        for (const [j, price] of jobPrice.entries()) {
          expect(price).toBeGreaterThanOrEqual(-1e-7);
          expect(price).toBeLessThanOrEqual((penalty[j] ?? 0) + 1e-7);
        }
        const boundEur =
          least.reduce((sum, eur) => sum + eur, 0) +
          jobPrice.reduce((sum, price, j) => sum + price * (work[j] ?? 0), 0);
        expect(mixEur).toBeCloseTo(boundEur, 6);

        const sums = blocks.map(() => 0);
        let partsEur = 0;
        const served = work.map(() => 0);
        for (const [index, part] of master.parts()) {
          const column = columns[index];
          if (!column) throw new Error(`no column ${index}`);
          sums[column.block] = (sums[column.block] ?? 0) + part;
          partsEur += part * column.costEur;
          for (const [j, shards] of column.shards.entries()) served[j] = (served[j] ?? 0) + part * shards;
        }
        for (const sum of sums) expect(sum).toBeCloseTo(1, 9);
        const missingEur = work.reduce(
          (sum, shards, j) => sum + Math.max(0, shards - (served[j] ?? 0)) * (penalty[j] ?? 0),
          0,
        );
        expect(partsEur + missingEur).toBeCloseTo(mixEur, 6);
      }
    }),
    { numRuns: 300 },
  );
});
