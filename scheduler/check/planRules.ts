import type { Plan } from '../plan.ts';
import type { PlanningCar } from '../problem.ts';
import { minimumLoads } from './bound.ts';
import { finding } from './carRules.ts';
import { differs, type Finding } from './findings.ts';
import type { Loads } from './loads.ts';
import { need, type Reading } from './reading.ts';

const TOLERANCE_KWH = 1e-6;

/**
 * Owners' minimums come before everything: a car that is behind what was possible by some slot is a finding, unless
 * other cars with minimums have left less there than it accepts.
 */
export function checkMinimums(reading: Reading, plan: Plan, loads: Loads): Finding[] {
  const rampKw = reading.problem.rules.maxRampUpKwPerSlot ?? Infinity;
  const findings: Finding[] = [];
  const minimums = minimumLoads(reading);
  const plans = new Map(plan.cars.map((car) => [car.carId, car]));
  const urgentKw = new Map<string, Float64Array>();
  for (const car of reading.problem.cars) {
    if (car.minimumNeedKwh <= 0) continue;
    const load = urgentKw.get(car.feederId) ?? new Float64Array(reading.slots);
    for (const [t, kw] of need(plans.get(car.id)).chargeKw.entries()) load[t] = need(load[t]) + kw;
    urgentKw.set(car.feederId, load);
  }
  for (const car of reading.problem.cars) {
    const minimum = minimums.get(car.id);
    if (!minimum) continue;
    const kwhPerKwSlot = reading.slotHours * car.chargerEfficiency;
    const feeder = reading.feederOf(car);
    let due = 0;
    let charged = 0;
    for (let t = car.pluggedFromSlot; t < car.untilSlot; t++) {
      const kw = need(need(plans.get(car.id)).chargeKw[t]);
      due += need(minimum[t]) * kwhPerKwSlot;
      charged += kw * kwhPerKwSlot;
      if (charged + TOLERANCE_KWH >= due || kw >= reading.chargeKw(car, t) - 1e-6) continue;
      const rampLimitKw = t === 0 ? Infinity : need(need(loads.feederKw.get(feeder.id))[t - 1]) + rampKw;
      const limitKw = Math.min(reading.feederKw(feeder, t), rampLimitKw);
      const roomKw = limitKw - need(need(urgentKw.get(car.feederId))[t]);
      if (roomKw + kw < Math.max(car.chargerMinKw, kw + 1e-6)) continue;
      findings.push(finding('minimum_soc', car.id, t, charged, due, 'is not brought to its minimum at once'));
      break;
    }
  }
  return findings;
}

/** Sleeping cars that compute are woken for their first slot, nobody else is, cheapest first, and not too many at once. */
export function checkWakeUps(reading: Reading, plan: Plan, cars: ReadonlyMap<string, PlanningCar>): Finding[] {
  const findings: Finding[] = [];
  const plans = new Map(plan.cars.map((car) => [car.carId, car]));
  const perSlot = new Map<number, number>();
  const woken = new Set<string>();
  let before = { slot: -1, costEur: 0 };
  for (const { carId, slot } of plan.wakeUps) {
    const car = need(cars.get(carId));
    perSlot.set(slot, (perSlot.get(slot) ?? 0) + 1);
    const first = need(plans.get(carId)).computeKw.findIndex((kw) => kw > 0);
    if (!car.asleep || woken.has(carId) || slot !== first) {
      findings.push(finding('wake_ups', carId, slot, slot, first, 'is not woken once, asleep, for its first slot'));
    }
    woken.add(carId);
    if (slot < before.slot || (slot === before.slot && car.wakeCostEur < before.costEur)) {
      findings.push(finding('wake_ups', carId, slot, car.wakeCostEur, before.costEur, 'is ranked too late'));
    }
    before = { slot, costEur: car.wakeCostEur };
  }
  const { maxWakeUpsPerSlot } = reading.problem.rules;
  for (const [slot, count] of perSlot) {
    if (count > maxWakeUpsPerSlot) {
      findings.push(finding('wake_ups', 'the cell', slot, count, maxWakeUpsPerSlot, 'wakes too many cars'));
    }
  }
  for (const carPlan of plan.cars) {
    const first = carPlan.computeKw.findIndex((kw) => kw > 0);
    if (first >= 0 && need(cars.get(carPlan.carId)).asleep && !woken.has(carPlan.carId)) {
      findings.push(finding('wake_ups', carPlan.carId, first, -1, first, 'computes without being woken'));
    }
  }
  return findings;
}

/** Cars of a feeder that start in the committed slot wait 0, 1, 2, … equal parts of the spread, in any order. */
export function checkStartDelays(reading: Reading, plan: Plan, cars: ReadonlyMap<string, PlanningCar>): Finding[] {
  const findings: Finding[] = [];
  const starting = new Map<string, { readonly carId: string; readonly seconds: number }[]>();
  for (const { carId, chargeKw, computeKw, startDelaySeconds: seconds } of plan.cars) {
    const car = need(cars.get(carId));
    const starts = (need(chargeKw[0]) > 0 && !car.chargingNow) || (need(computeKw[0]) > 0 && !car.computingNow);
    if (starts) starting.set(car.feederId, [...(starting.get(car.feederId) ?? []), { carId, seconds }]);
    else if (seconds !== 0)
      findings.push(finding('start_delay', carId, 0, seconds, 0, 'waits although it does not start'));
  }
  for (const waiting of starting.values()) {
    waiting.sort((a, b) => a.seconds - b.seconds);
    for (const [rank, { carId, seconds }] of waiting.entries()) {
      const due = (rank * reading.problem.rules.startSpreadSeconds) / waiting.length;
      if (differs(seconds, due))
        findings.push(finding('start_delay', carId, 0, seconds, due, 'does not wait its part'));
    }
  }
  return findings;
}
