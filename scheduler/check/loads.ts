import type { Plan } from '../plan.ts';
import type { PlanningCar } from '../problem.ts';
import { need, type Reading } from './reading.ts';

/** What the plan's cars draw together, and what that leaves. */
export interface Loads {
  /** kW by slot of each feeder that has cars. */
  readonly feederKw: ReadonlyMap<string, Float64Array>;
  readonly substationKw: ReadonlyMap<string, Float64Array>;
  /** kW that one more car could draw on the car's feeder: import limits and ramp. */
  readonly roomKw: (car: PlanningCar, slot: number) => number;
}

/** @param cars cars of the problem by id */
export function loadsOf(reading: Reading, plan: Plan, cars: ReadonlyMap<string, PlanningCar>): Loads {
  const feederKw = new Map<string, Float64Array>();
  const substationKw = new Map<string, Float64Array>();
  for (const carPlan of plan.cars) {
    const feeder = reading.feederOf(need(cars.get(carPlan.carId)));
    const places = [[feederKw, feeder.id] as const];
    if (feeder.substationId !== undefined) places.push([substationKw, feeder.substationId]);
    for (const [loads, id] of places) {
      const load = loads.get(id) ?? new Float64Array(reading.slots);
      for (let t = 0; t < reading.slots; t++) {
        load[t] = need(load[t]) + need(carPlan.chargeKw[t]) + need(carPlan.computeKw[t]);
      }
      loads.set(id, load);
    }
  }
  const rampKw = reading.problem.rules.maxRampUpKwPerSlot ?? Infinity;
  return {
    feederKw,
    substationKw,
    roomKw: (car, slot) => {
      const feeder = reading.feederOf(car);
      const own = feederKw.get(feeder.id);
      const loadKw = own?.[slot] ?? 0;
      const station = feeder.substationId;
      const stationRoomKw =
        station === undefined
          ? Infinity
          : reading.substationKw(station, slot) - (substationKw.get(station)?.[slot] ?? 0);
      const rampRoomKw = slot === 0 ? Infinity : (own?.[slot - 1] ?? 0) + rampKw - loadKw;
      return Math.max(0, Math.min(reading.feederKw(feeder, slot) - loadKw, stationRoomKw, rampRoomKw));
    },
  };
}
