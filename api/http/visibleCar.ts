import { NightshiftError } from '../../domain/errors.ts';
import type { Queryable } from '../../store/database.ts';
import { readVehicle, type Vehicle } from '../../store/vehicles.ts';
import type { CarCaller } from './carCaller.ts';

/**
 * The car, for its owner and for operators. The same answer for a stranger's car as for none: an owner learns nothing of
 * other cars.
 * @throws NightshiftError `not_found`
 */
export async function visibleCar(database: Queryable, caller: CarCaller, vin: string): Promise<Vehicle> {
  const vehicle = await readVehicle(database, vin);
  if (vehicle && (caller.kind === 'operator' || caller.ownerId === vehicle.ownerId)) return vehicle;
  throw new NightshiftError('not_found', `There is no car "${vin}".`, { field: 'vin' });
}
