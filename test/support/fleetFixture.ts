import { ensureCell } from '../../store/cells.ts';
import type { Queryable } from '../../store/database.ts';
import { upsertFeeder } from '../../store/feeders.ts';
import { upsertRegion } from '../../store/regions.ts';
import { seedVehicle, type Vehicle } from '../../store/vehicles.ts';
import { REAL_TIME, type Clock } from '../../domain/clock.ts';

export const CELL = { id: 'test', clock: REAL_TIME, slotMinutes: 15, incarnation: '1' } as const;

/** A cell with one region, one feeder and the named cars, in Oslo. */
export async function enrolFleet(
  database: Queryable,
  vehicleIds: readonly string[],
  clock: Clock = REAL_TIME,
): Promise<Vehicle[]> {
  await ensureCell(database, { ...CELL, clock });
  await upsertRegion(database, { id: 'oslo', cellId: CELL.id, timeZone: 'Europe/Oslo', feeds: {} });
  await upsertFeeder(database, { id: 'oslo-1', regionId: 'oslo', failSafeImportKw: 20 });
  const vehicles = vehicleIds.map(testVehicle);
  for (const each of vehicles) await seedVehicle(database, each);
  return vehicles;
}

/** A car as the tests enrol it. */
export function testVehicle(id: string): Vehicle {
  return {
    id,
    kind: 'car',
    regionId: 'oslo',
    feederId: 'oslo-1',
    site: null,
    ownerId: `owner-of-${id}`,
    displayName: `Car ${id}`,
    carModel: 'model-3',
    hardwareClass: 'ai4',
    modelFamilies: ['general', 'ocr', 'f'],
    batteryKwh: 57.5,
    charger: { maxKw: 11, minKw: 1.38, efficiency: 0.89 },
    policy: {
      readyBy: '07:30',
      timeZone: 'Europe/Oslo',
      targetSocPercent: 80,
      minimumSocPercent: 30,
      computeSocFloorPercent: 40,
      computeOptIn: true,
    },
  };
}
