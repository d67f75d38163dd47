import { MINUTE_MS } from '../../domain/durations.ts';
import { at } from '../columns.ts';
import { expectedEurPerKwh, type CompiledProblem } from '../compile.ts';
import type { PlanningProblem } from '../problem.ts';
import type { Headroom } from '../realise/headroom.ts';
import { cellOf, type Setpoints } from '../realise/setpoints.ts';

/** A placed plan, as the reports read it. */
export interface Placed {
  readonly problem: PlanningProblem;
  readonly compiled: CompiledProblem;
  readonly setpoints: Setpoints;
  readonly headroom: Headroom;
  /** What decides when a car charges: expected cost plus rent in the layout of setpoints, EUR per kWh. */
  readonly chargePriceEurPerKwh: Float64Array;
  /** Shards of each job by (region, class, slot). */
  readonly shardsOfJob: readonly Float64Array[];
  /** Whether any job is served in the committed slot. */
  readonly runsNow: boolean;
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

/** Expected cost plus rent on the car's feeder; the slot must lie in its plug window. */
export function priceAt({ compiled, setpoints, chargePriceEurPerKwh }: Placed, car: number, slot: number): number {
  return at(chargePriceEurPerKwh, cellOf(setpoints, compiled.cars, car, slot));
}

/** Price plus carbon weight in the car's region, without rents: what people see. */
export function costAt({ compiled }: Placed, car: number, slot: number): number {
  const region = at(compiled.regionOfFeeder, at(compiled.cars.feeder, car));
  return at(compiled.unitCostEurPerKwh, region * compiled.slots + slot);
}

/** What the chance that the car has left adds to the cost of a kWh in the slot. */
export function riskAt(placed: Placed, car: number, slot: number): number {
  const cost = costAt(placed, car, slot);
  const { cars } = placed.compiled;
  return expectedEurPerKwh(cost, cars.survival(car, slot), at(cars.missingEurPerKwh, car)) - cost;
}

/** Temperature around the car. */
export function celsiusAt({ problem, compiled }: Placed, car: number, slot: number): number {
  const region = at(compiled.regionOfFeeder, at(compiled.cars.feeder, car));
  return problem.regions[region]?.ambientCelsius[slot] ?? Number.NaN;
}

/** Start of a slot as people read it, UTC. */
export function clockOf({ problem }: Placed, slot: number): string {
  const ms = problem.slots.startMs + slot * problem.slots.slotMinutes * MINUTE_MS;
  return `${new Date(ms).toISOString().slice(11, 16)} UTC`;
}
