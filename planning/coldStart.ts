import { modelKey } from '../domain/modelOrders.ts';
import type { OpenJob } from '../store/jobProgress.ts';
import type { CellState } from './cellState.ts';
import { planningClassOf } from './planningClass.ts';

/** No shard is planned to wait longer for its model than this, whatever was once measured of some car's network. */
const MAX_COLD_MINUTES = 60;

/**
 * Minutes that fetching the job's model adds to each of its shards, by planning class: a car without it fetches it once,
 * before the first of the shards that fall to it.
 */
export function coldMinutesPerShard(state: CellState, job: OpenJob): (planningClass: string) => number {
  const { bytes, holders, bytesPerGridSecond } = state.modelsOnCars;
  const key = modelKey(job.model);
  const fetchMinutes = Math.min(MAX_COLD_MINUTES, (bytes.get(key) ?? 0) / bytesPerGridSecond / 60);
  if (fetchMinutes === 0) return () => 0;
  const parked = carsByClass(state);
  const everywhere = [...parked.values()].reduce((sum, cars) => sum + cars.length, 0);
  const shardsPerCar = Math.max(1, job.shardsHere / Math.max(1, everywhere));
  return (planningClass) => {
    const cars = parked.get(planningClass) ?? [];
    const cold = cars.filter((vehicleId) => holders.get(key)?.has(vehicleId) !== true).length;
    return cars.length === 0 ? 0 : ((cold / cars.length) * fetchMinutes) / shardsPerCar;
  };
}

/** Ids of the cars at their plugs, by planning class. */
function carsByClass({ openSessions, vehicles, rolloutFamilies }: CellState): ReadonlyMap<string, readonly string[]> {
  const classes = new Map(vehicles.map(({ id, hardwareClass }) => [id, hardwareClass]));
  const cars = new Map<string, string[]>();
  for (const { vehicleId } of openSessions) {
    const hardwareClass = classes.get(vehicleId);
    if (hardwareClass === undefined) continue;
    const families = (rolloutFamilies.get(vehicleId) ?? []).map(({ family }) => family);
    const key = planningClassOf(hardwareClass, families);
    cars.set(key, [...(cars.get(key) ?? []), vehicleId]);
  }
  return cars;
}
