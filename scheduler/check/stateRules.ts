import type { CarPlan } from '../plan.ts';
import type { PlanningCar } from '../problem.ts';
import { chargeUntil } from './bound.ts';
import { finding, sum } from './carRules.ts';
import type { Finding } from './findings.ts';
import type { Loads } from './loads.ts';
import { need, type Reading } from './reading.ts';

const TOLERANCE_KWH = 1e-6;
const TOLERANCE_KW = 1e-5;

interface Run {
  readonly on: boolean;
  readonly from: number;
  readonly until: number;
}

/**
 * How often a car is switched, and for how long it stays on or off. What a late ready-by or the owner's minimum forces
 * is exempt, since those rules stand above this one.
 */
export function checkStates(reading: Reading, loads: Loads, car: PlanningCar, plan: CarPlan): Finding[] {
  if (car.minimumNeedKwh > 0) return [];
  const from = car.pluggedFromSlot;
  const runs = runsOf(plan.chargeKw, from, chargeUntil(car));
  const onBefore = car.chargingNow && from === 0;
  return [...checkStarts(reading, car, runs, onBefore), ...checkTimes(reading, loads, car, plan, runs, onBefore)];
}

function runsOf(chargeKw: readonly number[], from: number, until: number): Run[] {
  const runs: Run[] = [];
  for (let t = from; t < until; t++) {
    const on = need(chargeKw[t]) > 0;
    const last = runs.at(-1);
    if (last?.on === on) runs[runs.length - 1] = { ...last, until: t + 1 };
    else runs.push({ on, from: t, until: t + 1 });
  }
  return runs;
}

function checkStarts({ problem }: Reading, car: PlanningCar, runs: readonly Run[], onBefore: boolean): Finding[] {
  const allowed = Math.max(onBefore ? 0 : 1, problem.rules.maxChargeStarts - car.chargeStartsSoFar);
  const starts = runs.filter((run, index) => run.on && !(index === 0 && onBefore)).length;
  if (starts <= allowed) return [];
  return [finding('charge_starts', car.id, undefined, starts, allowed, 'is switched on too often')];
}

function checkTimes(
  reading: Reading,
  loads: Loads,
  car: PlanningCar,
  plan: CarPlan,
  runs: readonly Run[],
  onBefore: boolean,
): Finding[] {
  const { slots, problem } = reading;
  const least = Math.ceil(problem.rules.minStateMinutes / problem.slots.slotMinutes);
  const kwhPerKwSlot = reading.slotHours * car.chargerEfficiency;
  const chargedBy = (slot: number): number => sum(plan.chargeKw.slice(0, slot)) * kwhPerKwSlot;
  // A car that misses its ready-by all the same takes every kW that it can get.
  if (least <= 1 || chargedBy(chargeUntil(car)) < car.needKwh - TOLERANCE_KWH) return [];
  const before = car.pluggedFromSlot === 0 ? (car.slotsInChargeState ?? slots) : slots;
  const first = runs[0];
  // A state that ends with the first slot was held before it only.
  const held: Run = { on: onBefore, from: car.pluggedFromSlot, until: car.pluggedFromSlot };
  const all = first !== undefined && first.on !== onBefore ? [held, ...runs] : runs;
  return all.flatMap((run, index) => {
    const length = run.until - run.from + (index === 0 ? before : 0);
    if (length >= least || run.until >= chargeUntil(car)) return [];
    const isForced = run.on
      ? chargedBy(run.until) > car.needKwh - TOLERANCE_KWH ||
        reading.chargeKw(car, run.until) === 0 ||
        loads.roomKw(car, run.until) < Math.max(car.chargerMinKw, TOLERANCE_KW)
      : index === 0 && !fitsFrom(reading, loads, car, plan, run.until + least - length);
    if (isForced) return [];
    return [finding('state_time', car.id, run.from, length, least, `is ${run.on ? 'on' : 'off'} for too few slots`)];
  });
}

/** Whether the car could have had its energy from the slot on, in what is left of the limits. */
function fitsFrom(reading: Reading, loads: Loads, car: PlanningCar, plan: CarPlan, from: number): boolean {
  const kwhPerKwSlot = reading.slotHours * car.chargerEfficiency;
  let kwh = 0;
  for (let t = from; t < chargeUntil(car); t++) {
    kwh += Math.min(reading.chargeKw(car, t), need(plan.chargeKw[t]) + loads.roomKw(car, t)) * kwhPerKwSlot;
  }
  return kwh > car.needKwh + TOLERANCE_KWH;
}
