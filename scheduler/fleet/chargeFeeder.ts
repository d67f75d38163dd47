// Indices come from loops over the fleet's own columns; a check on each read would double the time.
/* oxlint-disable typescript/no-non-null-assertion */
import type { CarColumns, CompiledProblem } from '../compile.ts';
import { createSetpoints } from '../realise/setpoints.ts';
import { lowerBound } from '../solve/lowerBound.ts';
import { relax, relaxedCost } from '../solve/relaxation.ts';
import { aggregateCars, type Aggregate } from './aggregate.ts';
import { chargeFlow } from './chargeFlow.ts';

/** Above this number of cars on one feeder, pseudo-cars are fewer than cars. */
const AGGREGATE_ABOVE_CARS = 20_000;

export interface ChargedFeeder {
  readonly chargeKw: Float64Array;
  readonly offset: Float64Array;
  readonly rent: Float64Array;
  readonly costEur: number;
  readonly lowerBoundEur: number;
  readonly binds: boolean;
  readonly aggregate: Aggregate | undefined;
}

/**
 * Charges the cars of one feeder at least cost within `capKw`, as pseudo-cars where they are many. The bound is against
 * the feeder's whole limit.
 * @param own indices of its cars
 * @param capKw limit by (feeder, slot)
 */
export function chargeFeeder(
  problem: CompiledProblem,
  feeder: number,
  own: Int32Array,
  capKw: Float64Array,
): ChargedFeeder {
  const { slots, regionOfFeeder, unitCostEurPerKwh } = problem;
  const aggregate = own.length > AGGREGATE_ABOVE_CARS ? aggregateCars(problem.cars, own, slots) : undefined;
  const region = regionOfFeeder[feeder]!;
  const alone: CompiledProblem = {
    ...problem,
    regions: 1,
    feeders: 1,
    substations: 0,
    jobs: [],
    unitCostEurPerKwh: unitCostEurPerKwh.slice(region * slots, (region + 1) * slots),
    regionOfFeeder: new Int32Array(1),
    substationOfFeeder: new Int32Array(1).fill(-1),
    feederCapKw: capKw.slice(feeder * slots, (feeder + 1) * slots),
    substationCapKw: new Float64Array(),
    cars: aggregate?.pseudoCars ?? chargingColumns(problem.cars, own),
  };
  const layout = createSetpoints(alone.cars);
  const relaxation = relax(alone, layout, new Float64Array(layout.chargeKw.length));
  const solved = chargeFlow(
    alone.cars,
    layout.offset,
    alone.feederCapKw,
    alone.unitCostEurPerKwh,
    problem.ownerPenaltyEurPerKwh,
  );
  return {
    chargeKw: solved.chargeKw,
    offset: layout.offset,
    rent: solved.rentEurPerKwh,
    costEur: relaxedCost(relaxation, solved.chargeKw, []),
    lowerBoundEur: lowerBound(
      { ...relaxation, feederCapKw: problem.feederCapKw.slice(feeder * slots, (feeder + 1) * slots) },
      {
        feederRentEurPerKwh: solved.rentEurPerKwh,
        substationRentEurPerKwh: new Float64Array(),
        jobPriceEurPerShard: new Float64Array(),
      },
    ),
    binds: solved.rentEurPerKwh.some((rent) => rent > 0),
    aggregate,
  };
}

/** The cars of one feeder as far as charging goes: their windows end at ready-by. */
export function chargingColumns(cars: CarColumns, own: Int32Array): CarColumns {
  const pickInts = (column: Int32Array): Int32Array => Int32Array.from(own, (car) => column[car]!);
  const pick = (column: Float64Array): Float64Array => Float64Array.from(own, (car) => column[car]!);
  const until = pickInts(cars.chargeUntil);
  return {
    count: own.length,
    feeder: new Int32Array(own.length),
    hardwareClass: new Int32Array(own.length),
    from: pickInts(cars.from),
    chargeUntil: until,
    until,
    maxKw: pick(cars.maxKw),
    minKw: new Float64Array(own.length),
    energyKwSlots: pick(cars.energyKwSlots),
    minimumKwSlots: new Float64Array(own.length),
    efficiency: pick(cars.efficiency),
    missingEurPerKwh: new Float64Array(own.length),
    chargeCapKw: (car) => cars.maxKw[own[car]!]!,
    computeShare: () => 0,
    survival: () => 1,
  };
}

/** Writes the setpoints of cars that were charged one by one. */
export function copyOut(
  cars: CarColumns,
  own: Int32Array,
  kw: Float64Array,
  offset: Float64Array,
  write: (member: number, slot: number, kw: number) => void,
): void {
  for (let k = 0; k < own.length; k++) {
    const window = cars.chargeUntil[own[k]!]! - cars.from[own[k]!]!;
    for (let slot = 0; slot < window; slot++) {
      const power = kw[offset[k]! + slot]!;
      if (power > 0) write(k, slot, power);
    }
  }
}
