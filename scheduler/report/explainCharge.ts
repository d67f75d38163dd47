import { at } from '../columns.ts';
import { isTooCold } from '../energy/battery.ts';
import type { Unmet } from '../plan.ts';
import type { PlanningCar } from '../problem.ts';
import { reason, type PlanReason } from '../reasons.ts';
import { celsiusAt, chargeAt, clockOf, costAt, priceAt, riskAt, type Placed } from './placed.ts';

const ROUNDING_KW = 1e-6;

/**
 * Why the car charges, or does not, in the committed slot; and whether its target is at risk.
 * @param unmet what is unmet of this car
 */
export function explainCharge(placed: Placed, index: number, unmet: readonly Unmet[]): PlanReason[] {
  const car = placed.problem.cars[index];
  if (!car) return [];
  const reasons: PlanReason[] = [];
  if (car.pluggedFromSlot > 0) {
    reasons.push(reason('not_plugged_in', { slot: car.pluggedFromSlot }));
  } else if (car.needKwh <= 0) {
    reasons.push(reason('target_reached', { value: car.needKwh, limit: 0, unit: 'kWh' }));
  } else {
    reasons.push(chargeAt(placed, index, 0) > 0 ? whyNow(placed, car, index) : whyNotNow(placed, car, index));
  }
  for (const { missing, text } of unmet) {
    reasons.push(reason('ready_by_at_risk', { value: missing, limit: 0, unit: 'kWh', text }));
  }
  return reasons;
}

function whyNow(placed: Placed, car: PlanningCar, index: number): PlanReason {
  const { compiled } = placed;
  const until = at(compiled.cars.chargeUntil, index);
  const kw = chargeAt(placed, index, 0);
  if (until === 0) return reason('charging_late', { value: car.needKwh, limit: 0, unit: 'kWh' });
  if (car.minimumNeedKwh > 0) {
    const text = `It charges at once: ${car.minimumNeedKwh.toFixed(1)} kWh are missing to the owner’s minimum.`;
    return reason('charging_minimum_soc', { value: car.minimumNeedKwh, limit: 0, unit: 'kWh', text });
  }
  const slots = Array.from({ length: until }, (_, t) => t).filter((t) => compiled.cars.chargeCapKw(index, t) > 0);
  if (slots.every((t) => chargeAt(placed, index, t) >= at(compiled.cars.maxKw, index) - ROUNDING_KW)) {
    return reason('charging_no_slack', { value: slots.length, limit: slots.length, unit: 'slots' });
  }
  const cost = costAt(placed, index, 0);
  if (cost < 0) return reason('charging_negative_price', { value: cost, limit: 0, unit: 'EUR/kWh' });
  const off = slots.filter((t) => chargeAt(placed, index, t) === 0);
  const leastOff = off.reduce((least, t) => Math.min(least, priceAt(placed, index, t)), Infinity);
  const leftOut = off.reduce((least, t) => Math.min(least, costAt(placed, index, t)), Infinity);
  if (priceAt(placed, index, 0) > leastOff + 1e-9) {
    const text = `It stays on at ${cost.toFixed(3)} EUR/kWh, so that it need not be started again.`;
    return reason('kept_on', { value: cost, limit: leftOut, unit: 'EUR/kWh', text });
  }
  const dearNow = priceAt(placed, index, 0) - riskAt(placed, index, 0) - 1e-9;
  if (
    off.some((t) => costAt(placed, index, t) < cost && priceAt(placed, index, t) - riskAt(placed, index, t) < dearNow)
  ) {
    const text = `It charges now at ${cost.toFixed(3)} EUR/kWh: by the slot at ${leftOut.toFixed(3)} it may have left.`;
    return reason('charging_may_leave', { value: cost, limit: leftOut, unit: 'EUR/kWh', text });
  }
  const others =
    leftOut < cost ? ', cheaper slots are taken' : `, ${leftOut.toFixed(3)} or more in the slots that it leaves out`;
  const text = `It charges with ${kw.toFixed(1)} kW: ${cost.toFixed(3)} EUR/kWh now${off.length > 0 ? others : ''}.`;
  const limit = off.length > 0 ? leftOut : cost;
  return reason('charging_cheapest_slot', { value: cost, limit, unit: 'EUR/kWh', text });
}

function whyNotNow(placed: Placed, car: PlanningCar, index: number): PlanReason {
  const { compiled, headroom } = placed;
  const slots = Array.from({ length: at(compiled.cars.until, index) }, (_, t) => t);
  const next = slots.find((t) => chargeAt(placed, index, t) > 0);
  const later = next === undefined ? {} : { slot: next };
  const until = next === undefined ? '.' : ` until ${clockOf(placed, next)}.`;
  const celsius = celsiusAt(placed, index, 0);
  if (isTooCold(car, celsius)) {
    const limit = car.chargeFromCelsius ?? celsius;
    const text = `It does not charge${until.slice(0, -1)}: ${celsius.toFixed(1)} < ${limit} °C, the least for its battery.`;
    return reason('waiting_too_cold', { value: celsius, limit, unit: '°C', text, ...later });
  }
  const feeder = at(compiled.cars.feeder, index);
  const leftKw = headroom.availableKw(feeder, 0);
  const price = priceAt(placed, index, 0);
  const cost = costAt(placed, index, 0);
  const on = slots.filter((t) => chargeAt(placed, index, t) > 0);
  const dearestOn = on.reduce((most, t) => Math.max(most, priceAt(placed, index, t)), -Infinity);
  const highestCost = on.reduce((most, t) => Math.max(most, costAt(placed, index, t)), -Infinity);
  const neededKw = Math.max(car.chargerMinKw, ROUNDING_KW);
  if (leftKw > ROUNDING_KW && leftKw < neededKw && price <= dearestOn + 1e-9) {
    const text = `It waits: ${leftKw.toFixed(1)} kW are left on the feeder, it accepts no less than ${neededKw.toFixed(1)} kW.`;
    return reason('waiting_below_minimum_current', { value: leftKw, limit: neededKw, unit: 'kW', text, ...later });
  }
  // Cheaper now than later, and still later: the limit is worth more to cars with less time.
  if (next === undefined || cost < highestCost - 1e-9) {
    if (next !== undefined && leftKw >= neededKw && price < dearestOn - 1e-9) {
      const text = `It stays off${until.slice(0, -1)}, so that it is not started too often.`;
      return reason('kept_off', { value: cost, limit: highestCost, unit: 'EUR/kWh', text, ...later });
    }
    const text = `It waits: the feeder’s limit goes to cars with less time${until}`;
    return reason('waiting_feeder_limit', { value: leftKw, limit: neededKw, unit: 'kW', text, ...later });
  }
  const text =
    `It waits for ${clockOf(placed, next)}: ${costAt(placed, index, next).toFixed(3)} EUR/kWh then, ` +
    `${cost.toFixed(3)} now. It would start now below ${highestCost.toFixed(3)}.`;
  return reason('waiting_for_cheaper_slot', { value: cost, limit: highestCost, unit: 'EUR/kWh', text, slot: next });
}
