import type { Plan } from '../../scheduler/plan.ts';
import type { PlanningProblem } from '../../scheduler/problem.ts';

/** What runs through one feeder, or through all, in each slot; kW at the plug. */
export interface Load {
  readonly name: string;
  readonly houseKw: Float64Array;
  readonly chargeKw: Float64Array;
  readonly computeKw: Float64Array;
  /** In force: the import limit, or the fail-safe where none is known. */
  readonly limitKw: Float64Array;
}

/** The load of each feeder, in the problem's order. Cars of the plan that the problem does not have are left out. */
export function feederLoads(problem: PlanningProblem, plan: Plan): Load[] {
  const slots = problem.slots.count;
  const loads = problem.feeders.map((feeder) => ({
    name: feeder.id,
    houseKw: Float64Array.from(feeder.houseLoadKw),
    chargeKw: new Float64Array(slots),
    computeKw: new Float64Array(slots),
    limitKw: Float64Array.from(feeder.importLimitKw, (limit) => limit ?? feeder.failSafeImportKw),
  }));
  const feederIndex = new Map(problem.feeders.map((feeder, index) => [feeder.id, index]));
  const feederOfCar = new Map(problem.cars.map((car) => [car.id, feederIndex.get(car.feederId)]));
  for (const car of plan.cars) {
    const load = loads[feederOfCar.get(car.carId) ?? -1];
    if (!load) continue;
    add(load.chargeKw, car.chargeKw);
    add(load.computeKw, car.computeKw);
  }
  return loads;
}

export function totalLoad(loads: readonly Load[], slots: number): Load {
  const total: Load = {
    name: 'all feeders',
    houseKw: new Float64Array(slots),
    chargeKw: new Float64Array(slots),
    computeKw: new Float64Array(slots),
    limitKw: new Float64Array(slots),
  };
  for (const load of loads) {
    add(total.houseKw, load.houseKw);
    add(total.chargeKw, load.chargeKw);
    add(total.computeKw, load.computeKw);
    add(total.limitKw, load.limitKw);
  }
  return total;
}

function add(sums: Float64Array, values: ArrayLike<number>): void {
  for (let slot = 0; slot < sums.length; slot++) sums[slot] = (sums[slot] ?? 0) + (values[slot] ?? 0);
}
