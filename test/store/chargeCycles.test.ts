import { beforeAll, expect, test } from 'vitest';
import { changedCycles } from '../../planning/chargeCycles.ts';
import type { Plan } from '../../scheduler/plan.ts';
import { listChargeCycles, saveChargeCycles } from '../../store/chargeCycles.ts';
import { CELL, enrolFleet } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';

const { database } = useTestDatabase();
beforeAll(() => enrolFleet(database, ['car']));

test('starts and stops of a stay are counted once each, and a new stay begins anew', async () => {
  const decide = async (slot: number, chargeKw: number, stay = 1): Promise<void> => {
    const cars = [{ carId: 'car', chargeKw: [chargeKw] }];
    const plan = { slots: { startMs: slot * 900_000 }, cars } as unknown as Plan;
    const known = await listChargeCycles(database, CELL.id);
    await saveChargeCycles(database, changedCycles(plan, [{ vehicleId: 'car', stay }], known));
  };
  for (const [slot, kw] of [
    [0, 0],
    [1, 7],
    [1, 7],
    [2, 5],
    [3, 0],
    [4, 7],
  ] as const) {
    await decide(slot, kw);
  }
  expect(await listChargeCycles(database, CELL.id)).toEqual([
    { vehicleId: 'car', stay: 1, starts: 2, charging: true, changedAtMs: 3_600_000 },
  ]);
  await decide(9, 7, 2);
  expect(await listChargeCycles(database, CELL.id)).toMatchObject([{ stay: 2, starts: 1 }]);
});
