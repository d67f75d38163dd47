import { describe, expect, test } from 'vitest';

import { planningProblemSchema } from '../../scheduler/problem.ts';
import { planCell } from '../../scheduler/planCell.ts';
import { earlyProblem } from '../../planning/planningProblem.ts';
import { planClairvoyantly } from '../../backtest/clairvoyant.ts';
import type { NightLedger } from '../../backtest/ledger.ts';
import { rollThrough, type Policy } from '../../backtest/rolling.ts';
import type { Scenario } from '../../backtest/scenario.ts';
import { scenario, signals, stay } from './scenarioBuilder.ts';

/** Dear by day, cheap from 2 to 5 h. */
const nightPrice = (hour: number): number => (hour >= 2 && hour < 5 ? 0.1 : 0.3);

/** A planner that trusts the owner: nobody leaves before ready-by, and whatever is missing then is worth nothing. */
const trusting: Policy = async ({ promised }) =>
  planCell(
    planningProblemSchema.parse({ ...promised, cars: promised.cars.map((car) => ({ ...car, survival: undefined })) }),
  );

/** The planner's own care for early departures. */
const careful: Policy = async (parts) => planCell(earlyProblem(parts).early);

async function live(night: Scenario, policy = trusting): Promise<NightLedger> {
  const { ledger } = await rollThrough(night, policy, () => false);
  return ledger.total();
}

describe('rollThrough', () => {
  test('waits for the cheap hours of the night and keeps the ready-by', async () => {
    const total = await live(scenario([stay('a', 0, 18, 14, 9)], signals(4, nightPrice)));
    expect(total.chargeKwh).toBeCloseTo(9, 6);
    expect(total.costEur).toBeCloseTo(0.9, 6);
    expect(total).toMatchObject({ readyByKept: 1, readyByBroken: 0, leftEarly: 0, missingKwh: 0 });
  });

  test('books a car that left before its ready-by, and what it lacks at the dearest price', async () => {
    const total = await live(scenario([stay('a', 0, 18, 3, 9)], signals(4, nightPrice)));
    expect(total).toMatchObject({ leftEarly: 1, leftEarlyShort: 1, readyByKept: 0, readyByBroken: 0 });
    expect(total.missingKwh).toBeCloseTo(9, 6);
    expect(total.missingCostEur).toBeCloseTo(2.7, 6);
  });

  test('charges in time when the owner states the departure', async () => {
    const night = scenario([stay('a', 0, 18, 3, 9)], signals(4, nightPrice), { readyBy: 'departure' });
    expect(await live(night)).toMatchObject({ readyByKept: 1, missingKwh: 0 });
  });

  test('charges at once where earlier stays say that the car will soon be gone', async () => {
    const before = Array.from({ length: 25 }, (_, day) => stay(`before ${day}`, day - 30, 18, 3, 6));
    const night = scenario([...before, stay('a', 0, 18, 3, 6)], signals(4, nightPrice), { missingEurPerKwh: 0.6 });
    expect(await live(night, careful)).toMatchObject({ leftEarly: 1, leftEarlyShort: 0, missingKwh: 0 });
  });

  test('does not blame a policy for a stay that is too short for its charger', async () => {
    const stays = [stay('long', 0, 18, 10, 20), { ...stay('b', 1, 18, 1, 5), userId: 'other' }];
    const night = scenario(stays, signals(4, nightPrice), { readyBy: 'departure' });
    // 5 kWh in one hour: the charger is taken to give at least that.
    expect((await live(night)).readyByBroken).toBe(0);
  });

  test('draws what it charges only while the car is there', async () => {
    // Plugged in for 2.05 h at 3.7 kW at most: every minute is needed.
    const night = scenario([stay('a', 0, 18.05, 2.05, 7.5)], signals(4, nightPrice), { readyBy: 'departure' });
    const total = await live(night);
    expect(total.chargeKwh + total.missingKwh).toBeCloseTo(7.5, 6);
    expect(total.missingKwh).toBeLessThan(0.25 * 3.7);
  });

  test('finishes a batch, or says how much of it is late', async () => {
    const stays = [0, 1, 2].map((day) => stay(`${day}`, day, 17, 14, 3));
    const total = await live(scenario(stays, signals(5, nightPrice), { jobShare: 0.3 }));
    expect(total.shardsDone).toBeGreaterThan(0);
    expect(total.shardsLate).toBe(0);
    expect(total.computeKwh).toBeGreaterThan(0);
  });
});

describe('planClairvoyantly', () => {
  test('is no dearer than what can be lived through without foresight', async () => {
    const stays = [0, 1, 2, 3].flatMap((day) => [
      stay(`night ${day}`, day, 17.3, 13.4, 9 + day),
      { ...stay(`day ${day}`, day, 13.1, 4.2, 4), userId: 'other' },
    ]);
    const night = scenario(
      stays,
      signals(6, (hour, day) => 0.2 + 0.1 * Math.sin(hour + day)),
      { jobShare: 0.2 },
    );
    const { ledger, impossible } = await planClairvoyantly(night);
    const known = ledger.total();
    const lived = await live(night);
    expect(impossible.size).toBe(0);
    expect(known.missingKwh).toBeCloseTo(0, 6);
    expect(known.costEur).toBeLessThanOrEqual(lived.costEur + lived.missingCostEur + 1e-9);
  });
});
