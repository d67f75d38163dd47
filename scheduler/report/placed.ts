import { at } from '../columns.ts';
import type { CompiledProblem } from '../compile.ts';
import type { PlanningProblem } from '../problem.ts';
import type { Headroom } from '../realise/headroom.ts';
import { cellOf, type Setpoints } from '../realise/setpoints.ts';

/** A placed plan, as the reports read it. */
export interface Placed {
  readonly problem: PlanningProblem;
  readonly compiled: CompiledProblem;
  readonly setpoints: Setpoints;
  readonly headroom: Headroom;
  /** Cost plus rent by (feeder, slot), EUR per kWh. */
  readonly priceEurPerKwh: Float64Array;
  /** Shards of each job by (region, class, slot). */
  readonly shardsOfJob: readonly Float64Array[];
}

/** kW of the car in the slot; 0 while it is not plugged in. */
export function chargeAt({ compiled, setpoints }: Placed, car: number, slot: number): number {
  const { cars } = compiled;
  if (slot < at(cars.from, car) || slot >= at(cars.until, car)) return 0;
  return at(setpoints.chargeKw, cellOf(setpoints, cars, car, slot));
}

/** As `chargeAt`, for compute. */
export function computeAt({ compiled, setpoints }: Placed, car: number, slot: number): number {
  const { cars } = compiled;
  if (slot < at(cars.from, car) || slot >= at(cars.until, car)) return 0;
  return at(setpoints.computeKw, cellOf(setpoints, cars, car, slot));
}

/** Cost plus rent on the car's feeder. */
export function priceAt({ compiled, priceEurPerKwh }: Placed, car: number, slot: number): number {
  return at(priceEurPerKwh, at(compiled.cars.feeder, car) * compiled.slots + slot);
}

/** Price plus carbon weight in the car's region, without rents: what people see. */
export function costAt({ compiled }: Placed, car: number, slot: number): number {
  const region = at(compiled.regionOfFeeder, at(compiled.cars.feeder, car));
  return at(compiled.unitCostEurPerKwh, region * compiled.slots + slot);
}

/** Temperature around the car. */
export function celsiusAt({ problem, compiled }: Placed, car: number, slot: number): number {
  const region = at(compiled.regionOfFeeder, at(compiled.cars.feeder, car));
  return problem.regions[region]?.ambientCelsius[slot] ?? Number.NaN;
}

/** Start of a slot as people read it, UTC. */
export function clockOf({ problem }: Placed, slot: number): string {
  const ms = problem.slots.startMs + slot * problem.slots.slotMinutes * 60_000;
  return `${new Date(ms).toISOString().slice(11, 16)} UTC`;
}
