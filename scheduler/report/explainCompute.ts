import { at } from '../columns.ts';
import { ENERGY_PARAMETERS } from '../energy/parameters.ts';
import type { PlanningCar } from '../problem.ts';
import { reason, type PlanReason } from '../reasons.ts';
import { chargeAt, clockOf, computeAt, type Placed } from './placed.ts';

/**
 * Why the car computes, or does not, in the committed slot: the first condition that stands in the way, in the order
 * in which they would have to be lifted. Owner's conditions come first and are never hidden by passing ones.
 * @param wakeSlot slot for which the plan wakes the car; -1 for none
 */
export function explainCompute(placed: Placed, index: number, wakeSlot: number): PlanReason[] {
  const { problem, compiled } = placed;
  const car = problem.cars[index];
  if (!car || car.pluggedFromSlot > 0) return [];
  const region = at(compiled.regionOfFeeder, at(compiled.cars.feeder, index));
  const celsius = problem.regions[region]?.ambientCelsius[0] ?? 0;
  const derate = at(compiled.derate, region * compiled.slots);
  if (computeAt(placed, index, 0) === 0) return [whyNot(placed, car, index, { region, celsius, derate, wakeSlot })];

  const kw = computeAt(placed, index, 0);
  const reasons = [
    reason('computing_granted', {
      value: kw,
      unit: 'kW',
      text: `It computes with ${kw.toFixed(2)} kW at the plug: a job’s cheapest open slot is now.`,
    }),
  ];
  if (car.asleep && wakeSlot >= 0) reasons.push(reason('compute_wake_up', { value: car.wakeCostEur, unit: 'EUR' }));
  if (derate < 1) reasons.push(heat('compute_derated_by_heat', celsius, ENERGY_PARAMETERS.derateStartC.value));
  return reasons;
}

interface Conditions {
  readonly region: number;
  readonly celsius: number;
  readonly derate: number;
  readonly wakeSlot: number;
}

function whyNot(placed: Placed, car: PlanningCar, index: number, conditions: Conditions): PlanReason {
  const { problem, compiled, headroom } = placed;
  const { region, celsius, derate, wakeSlot } = conditions;
  if (!car.computeOptIn) return reason('compute_opted_out');
  if (car.computeAllowed?.[0] === false) {
    const opens = car.computeAllowed.indexOf(true);
    return reason('compute_owner_hours', opens > 0 ? { slot: opens } : {});
  }
  if (derate === 0) return heat('compute_too_hot', celsius, ENERGY_PARAMETERS.computeStopC.value);
  if (car.computeFloorNeedKwh > 0) {
    const missing = car.computeFloorNeedKwh;
    const text = `It does not compute: ${missing.toFixed(1)} kWh are missing to the floor for compute.`;
    return reason('compute_soc_floor', { value: missing, limit: 0, unit: 'kWh', text });
  }
  const hardwareClass = at(compiled.cars.hardwareClass, index);
  const hasWork = compiled.jobs.some(
    (job) => job.shards > 0 && job.allowed[region * compiled.slots] === 1 && at(job.shardsPerSlot, hardwareClass) > 0,
  );
  const next = Array.from({ length: at(compiled.cars.until, index) }, (_, t) => t).find(
    (t) => computeAt(placed, index, t) > 0,
  );
  if (!hasWork && next === undefined) return reason('compute_no_work');

  const kw = at(compiled.computePlugKw, (region * compiled.classes + hardwareClass) * compiled.slots);
  const plugLimitKw = car.plugLimitKw ?? Infinity;
  if (chargeAt(placed, index, 0) + kw > plugLimitKw) {
    return reason('compute_plug_limit', { value: chargeAt(placed, index, 0) + kw, limit: plugLimitKw, unit: 'kW' });
  }
  const leftKw = headroom.availableKw(at(compiled.cars.feeder, index), 0);
  if (leftKw < kw) {
    const text = `It does not compute: ${leftKw.toFixed(2)} kW are left on the feeder, it would draw ${kw.toFixed(2)}.`;
    return reason('compute_feeder_limit', { value: leftKw, limit: kw, unit: 'kW', text });
  }
  if (next !== undefined) {
    const text = `It computes from ${clockOf(placed, next)}, when shards are cheaper than now.`;
    return reason('compute_cheaper_later', { slot: next, text });
  }
  if (car.asleep && wakeSlot < 0) {
    const { maxWakeUpsPerSlot } = problem.rules;
    if (maxWakeUpsPerSlot === 0) return reason('compute_wake_cap', { value: 0, limit: 0, unit: 'wake-ups' });
    return reason('compute_asleep', { value: car.wakeCostEur, unit: 'EUR' });
  }
  return placed.runsNow ? reason('compute_other_cars_first') : reason('compute_cheaper_later');
}

function heat(code: 'compute_too_hot' | 'compute_derated_by_heat', celsius: number, limit: number): PlanReason {
  const says = code === 'compute_too_hot' ? 'It does not compute' : 'It computes at reduced power';
  return reason(code, { value: celsius, limit, unit: '°C', text: `${says}: ${celsius.toFixed(1)} > ${limit} °C.` });
}
