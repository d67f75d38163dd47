import { at } from '../columns.ts';
import type { CompiledProblem } from '../compile.ts';
import type { PlanningProblem } from '../problem.ts';
import { chargePrices, pricesWithRent } from '../solve/lowerBound.ts';
import { gateRow, type LimitPrices, type Relaxation, type RelaxedPlan } from '../solve/relaxation.ts';
import { createHeadroom, type Headroom } from './headroom.ts';
import { mendCharging, placeCharging, type ChargePlacement } from './placeCharge.ts';
import { placeCompute, type ComputeResult } from './placeCompute.ts';
import { cellOf, createSetpoints, type Setpoints } from './setpoints.ts';

export interface RealPlan {
  readonly setpoints: Setpoints;
  readonly headroom: Headroom;
  readonly compute: ComputeResult;
}

/**
 * Turns prices, and the optimum where there is one, into setpoints that real cars can follow: least current or off,
 * few starts, whole cars for compute, ramps, ranked and capped wake-ups. What that costs over the optimum is in the
 * plan's gap.
 * @param optimum undefined to place by the prices alone
 */
export function realise(
  problem: PlanningProblem,
  relaxation: Relaxation,
  minimumKw: Float64Array,
  prices: LimitPrices,
  optimum: Pick<RelaxedPlan, 'chargeKw' | 'gateCarsOfJob'> | undefined,
): RealPlan {
  const compiled = relaxation.problem;
  const { rules } = problem;
  const setpoints = createSetpoints(compiled.cars);
  const headroom = createHeadroom(compiled, rules.maxRampUpKwPerSlot);
  addCharge(compiled, setpoints, headroom, minimumKw);
  const price = pricesWithRent(relaxation, prices);
  const chargePrice = chargePrices(relaxation, prices);
  const priceOf = (feeder: number, slot: number): number => at(price, feeder * compiled.slots + slot);
  // Under a ramp limit, loads may only grow, so nothing may be reserved and taken back.
  const kept = rules.maxRampUpKwPerSlot === undefined ? optimum : undefined;
  if (kept) addCompute(compiled, headroom, kept.gateCarsOfJob, 1);
  const chargeStates = problem.cars.map((car) => ({
    chargingNow: car.chargingNow,
    startsSoFar: car.chargeStartsSoFar,
    slotsInState: car.slotsInChargeState ?? Infinity,
  }));
  const charging: ChargePlacement = {
    setpoints,
    headroom,
    rules,
    minimumKw,
    optimumKw: kept && sumOf(kept.chargeKw, minimumKw),
    stateOf: (car) => chargeStates[car] ?? NO_CHARGE_STATE,
    priceOf: (car, slot) => at(chargePrice, cellOf(setpoints, compiled.cars, car, slot)),
  };
  placeCharging(compiled, charging);
  // From here on compute only gets what owners leave.
  if (kept) addCompute(compiled, headroom, kept.gateCarsOfJob, -1);
  mendCharging(compiled, charging);
  const computeStates = problem.cars.map((car) => ({
    computingNow: car.computingNow,
    asleep: car.asleep,
    wakeCostEur: car.wakeCostEur,
    floorKwSlots: car.computeFloorNeedKwh / car.chargerEfficiency / compiled.slotHours,
    plugLimitKw: car.plugLimitKw ?? Infinity,
  }));
  const compute = placeCompute(compiled, {
    setpoints,
    headroom,
    rules,
    stateOf: (car) => computeStates[car] ?? NO_COMPUTE_STATE,
    priceOf,
  });
  return { setpoints, headroom, compute };
}

/** Of a car that is not there. */
const NO_CHARGE_STATE = { chargingNow: false, startsSoFar: 0, slotsInState: Infinity };
const NO_COMPUTE_STATE = { computingNow: false, asleep: false, wakeCostEur: 0, floorKwSlots: 0, plugLimitKw: Infinity };

function sumOf(a: Float64Array, b: Float64Array): Float64Array {
  const sum = Float64Array.from(a);
  for (let cell = 0; cell < sum.length; cell++) sum[cell] = at(sum, cell) + at(b, cell);
  return sum;
}

function addCharge(problem: CompiledProblem, layout: Setpoints, headroom: Headroom, chargeKw: Float64Array): void {
  const { cars } = problem;
  for (let car = 0; car < cars.count; car++) {
    let cell = at(layout.offset, car);
    for (let t = at(cars.from, car); t < at(cars.until, car); t++, cell++) {
      if (at(chargeKw, cell) > 0) headroom.add(at(cars.feeder, car), t, at(chargeKw, cell));
    }
  }
}

/** Reserves, or releases with sign -1, what the optimum computes. */
function addCompute(
  problem: CompiledProblem,
  headroom: Headroom,
  gateCarsOfJob: readonly Float64Array[],
  sign: 1 | -1,
): void {
  const { slots, classes } = problem;
  for (const gateCars of gateCarsOfJob) {
    for (const [gate, count] of gateCars.entries()) {
      if (count === 0) continue;
      const { feeder, region, hardwareClass } = gateRow(problem, Math.floor(gate / slots));
      const plugKw = at(problem.computePlugKw, (region * classes + hardwareClass) * slots + (gate % slots));
      headroom.add(feeder, gate % slots, sign * count * plugKw);
    }
  }
}
