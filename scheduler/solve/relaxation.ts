import { at } from '../columns.ts';
import { expectedEurPerKwh, type CompiledProblem } from '../compile.ts';
import type { PlanMethod } from '../plan.ts';
import { cellOf, type Setpoints } from '../realise/setpoints.ts';

/**
 * The planning problem without what makes it whole: any power up to the charger's, any part of a class's compute
 * power. Its optimum is a lower bound for every real plan, and the start of one.
 *
 * Charging that serves owners' minimums is fixed beforehand and is not in these columns.
 */
export interface Relaxation {
  readonly problem: CompiledProblem;
  /** Layout of all per-car columns. */
  readonly layout: Setpoints;
  /** kW that each car may still charge with in each slot of its plug window; 0 after ready-by. */
  readonly chargeCapKw: Float64Array;
  /** Expected EUR per kWh at the plug that is planned for the car and slot, feeders' rents aside. */
  readonly chargeCostEurPerKwh: Float64Array;
  /** kW·slots that each car still needs. */
  readonly energyKwSlots: Float64Array;
  /** What cars may draw beside the fixed part. */
  readonly feederCapKw: Float64Array;
  readonly substationCapKw: Float64Array;
  /** Expected cars that may compute, by gate: index (feeder * classes + class) * slots + slot. */
  readonly gateCars: Float64Array;
  /** Cost of the fixed part. */
  readonly fixedCostEur: number;
}

export interface RelaxedPlan {
  readonly method: PlanMethod;
  /** kW per car and slot, without the fixed part. */
  readonly chargeKw: Float64Array;
  /** Expected cars that compute for each job, by gate. */
  readonly gateCarsOfJob: Float64Array[];
  readonly prices: LimitPrices;
  /** Cost plus penalties. */
  readonly costEur: number;
}

/** Prices on the shared limits: the dual solution. */
export interface LimitPrices {
  readonly feederRentEurPerKwh: Float64Array;
  readonly substationRentEurPerKwh: Float64Array;
  readonly jobPriceEurPerShard: Float64Array;
}

/** @param minimumKw the fixed part, in the layout of setpoints */
export function relax(problem: CompiledProblem, layout: Setpoints, minimumKw: Float64Array): Relaxation {
  const { cars, slots, slotHours } = problem;
  const chargeCapKw = new Float64Array(minimumKw.length);
  const chargeCostEurPerKwh = new Float64Array(minimumKw.length);
  const energyKwSlots = Float64Array.from(cars.energyKwSlots);
  const feederCapKw = Float64Array.from(problem.feederCapKw);
  const substationCapKw = Float64Array.from(problem.substationCapKw);
  const gateCars = new Float64Array(problem.feeders * problem.classes * slots);
  let fixedCostEur = 0;
  for (let car = 0; car < cars.count; car++) {
    const feeder = at(cars.feeder, car);
    const region = at(problem.regionOfFeeder, feeder);
    const station = at(problem.substationOfFeeder, feeder);
    const gate = (feeder * problem.classes + at(cars.hardwareClass, car)) * slots;
    for (let t = at(cars.from, car); t < at(cars.until, car); t++) {
      const cell = cellOf(layout, cars, car, t);
      const fixedKw = at(minimumKw, cell);
      const unitCost = at(problem.unitCostEurPerKwh, region * slots + t);
      const survival = cars.survival(car, t);
      const cost = expectedEurPerKwh(unitCost, survival, at(cars.missingEurPerKwh, car));
      chargeCostEurPerKwh[cell] = cost;
      if (t < at(cars.chargeUntil, car)) {
        chargeCapKw[cell] = Math.max(0, cars.chargeCapKw(car, t) - fixedKw);
        energyKwSlots[car] = at(energyKwSlots, car) - fixedKw;
      }
      if (fixedKw > 0) {
        feederCapKw[feeder * slots + t] = Math.max(0, at(feederCapKw, feeder * slots + t) - fixedKw);
        if (station >= 0) {
          substationCapKw[station * slots + t] = Math.max(0, at(substationCapKw, station * slots + t) - fixedKw);
        }
        fixedCostEur += fixedKw * cost * slotHours;
      }
      const share = cars.computeShare(car, t);
      if (share > 0) gateCars[gate + t] = at(gateCars, gate + t) + share * cars.survival(car, t);
    }
    energyKwSlots[car] = Math.max(0, at(energyKwSlots, car));
  }
  return {
    problem,
    layout,
    chargeCapKw,
    chargeCostEurPerKwh,
    energyKwSlots,
    feederCapKw,
    substationCapKw,
    gateCars,
    fixedCostEur,
  };
}

/** Region of a gate's feeder, its class and its feeder. */
export function gateRow(
  problem: CompiledProblem,
  row: number,
): { feeder: number; region: number; hardwareClass: number } {
  const feeder = Math.floor(row / problem.classes);
  return { feeder, region: at(problem.regionOfFeeder, feeder), hardwareClass: row % problem.classes };
}

/** Shards that one car of the class finishes for the job in the slot; 0 where the job may not run. */
export function shardsPerCar(
  problem: CompiledProblem,
  job: number,
  region: number,
  hardwareClass: number,
  slot: number,
): number {
  const entry = problem.jobs[job];
  const cell = region * problem.slots + slot;
  if (entry === undefined || entry.allowed[cell] !== 1) return 0;
  return at(entry.shardsPerSlot, hardwareClass) * at(problem.derate, cell);
}

/** kW·slots or shards that count as served: whole quanta of the flow solver leave less. */
const ROUNDING = 1e-6;

/** Energy cost of a relaxed plan and penalties for what it leaves, fixed part included. */
export function relaxedCost(
  relaxation: Relaxation,
  chargeKw: Float64Array,
  gateCarsOfJob: readonly Float64Array[],
): number {
  const { problem, layout } = relaxation;
  const { cars, slots, slotHours } = problem;
  let eur = relaxation.fixedCostEur;
  for (let car = 0; car < cars.count; car++) {
    let left = at(relaxation.energyKwSlots, car);
    let cell = at(layout.offset, car);
    for (let t = at(cars.from, car); t < at(cars.chargeUntil, car); t++, cell++) {
      const kw = at(chargeKw, cell);
      eur += kw * at(relaxation.chargeCostEurPerKwh, cell) * slotHours;
      left -= kw;
    }
    if (left > ROUNDING) eur += left * slotHours * problem.ownerPenaltyEurPerKwh;
  }
  for (const [j, gateCars] of gateCarsOfJob.entries()) {
    let left = problem.jobs[j]?.shards ?? 0;
    for (let row = 0; row < problem.feeders * problem.classes; row++) {
      const { region, hardwareClass } = gateRow(problem, row);
      for (let t = 0; t < slots; t++) {
        const count = at(gateCars, row * slots + t);
        if (count === 0) continue;
        const kw = count * at(problem.computePlugKw, (region * problem.classes + hardwareClass) * slots + t);
        eur += kw * at(problem.unitCostEurPerKwh, region * slots + t) * slotHours;
        left -= count * shardsPerCar(problem, j, region, hardwareClass, t);
      }
    }
    if (left > ROUNDING) eur += left * (problem.jobs[j]?.penaltyEurPerShard ?? 0);
  }
  return eur;
}
