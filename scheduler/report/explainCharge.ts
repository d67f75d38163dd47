import { at } from '../columns.ts';
import type { Unmet } from '../plan.ts';
import type { PlanningCar } from '../problem.ts';
import { reason, type PlanReason } from '../reasons.ts';
import { chargeAt, clockOf, priceAt, type Placed } from './placed.ts';

const ROUNDING_KW = 1e-6;

/** Why the car charges, or does not, in the committed slot; and whether its target is at risk. */
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
  for (const { kind, id, missing, words } of unmet) {
    if (id !== car.id || kind === 'job_deadline') continue;
    reasons.push(reason('ready_by_at_risk', { value: missing, limit: 0, unit: 'kWh', words }));
  }
  return reasons;
}

function whyNow(placed: Placed, car: PlanningCar, index: number): PlanReason {
  const { compiled } = placed;
  const until = at(compiled.cars.chargeUntil, index);
  const kw = chargeAt(placed, index, 0);
  if (until === 0) return reason('charging_late', { value: car.needKwh, limit: 0, unit: 'kWh' });
  if (car.minimumNeedKwh > 0) {
    const words = `It charges at once: ${car.minimumNeedKwh.toFixed(1)} kWh are missing to the owner’s minimum.`;
    return reason('charging_minimum_soc', { value: car.minimumNeedKwh, limit: 0, unit: 'kWh', words });
  }
  const slots = Array.from({ length: until }, (_, t) => t);
  if (slots.every((t) => chargeAt(placed, index, t) >= at(compiled.cars.maxKw, index) - ROUNDING_KW)) {
    return reason('charging_no_slack', { value: until, limit: until, unit: 'slots' });
  }
  const price = priceAt(placed, index, 0);
  if (price < 0) return reason('charging_negative_price', { value: price, limit: 0, unit: 'EUR/kWh' });
  const off = slots.filter((t) => chargeAt(placed, index, t) === 0);
  const cheapestOff = off.reduce((least, t) => Math.min(least, priceAt(placed, index, t)), Infinity);
  if (price > cheapestOff + 1e-9) {
    const words = `It stays on at ${price.toFixed(3)} EUR/kWh, so that it need not be started again.`;
    return reason('kept_on', { value: price, limit: cheapestOff, unit: 'EUR/kWh', words });
  }
  const words =
    `It charges with ${kw.toFixed(1)} kW: ${price.toFixed(3)} EUR/kWh now` +
    (off.length > 0 ? `, at least ${cheapestOff.toFixed(3)} in the slots that it leaves out.` : '.');
  return reason('charging_cheapest_slot', {
    value: price,
    limit: off.length > 0 ? cheapestOff : price,
    unit: 'EUR/kWh',
    words,
  });
}

function whyNotNow(placed: Placed, car: PlanningCar, index: number): PlanReason {
  const { compiled, headroom } = placed;
  const slots = Array.from({ length: at(compiled.cars.until, index) }, (_, t) => t);
  const next = slots.find((t) => chargeAt(placed, index, t) > 0);
  const feeder = at(compiled.cars.feeder, index);
  const leftKw = headroom.availableKw(feeder, 0);
  const price = priceAt(placed, index, 0);
  const dearestOn = slots.reduce(
    (most, t) => (chargeAt(placed, index, t) > 0 ? Math.max(most, priceAt(placed, index, t)) : most),
    -Infinity,
  );
  const neededKw = Math.max(car.chargerMinKw, ROUNDING_KW);
  const at0 = next === undefined ? {} : { slot: next };
  if (leftKw < neededKw && (next === undefined || price <= dearestOn + 1e-9)) {
    const below = leftKw > ROUNDING_KW;
    const words = below
      ? `It waits: ${leftKw.toFixed(1)} kW are left on the feeder, it accepts no less than ${neededKw.toFixed(1)} kW.`
      : `It waits: the feeder’s limit is taken by cars with less time${next === undefined ? '.' : ` until ${clockOf(placed, next)}.`}`;
    const code = below ? 'waiting_below_minimum_current' : 'waiting_feeder_limit';
    return reason(code, { value: leftKw, limit: neededKw, unit: 'kW', words, ...at0 });
  }
  if (next === undefined) return reason('waiting_feeder_limit', { value: leftKw, limit: neededKw, unit: 'kW' });
  if (price < dearestOn - 1e-9) {
    const words = `It stays off until ${clockOf(placed, next)}, so that it is not started too often.`;
    return reason('kept_off', { value: price, limit: dearestOn, unit: 'EUR/kWh', words, slot: next });
  }
  const words =
    `It waits for ${clockOf(placed, next)}: ${priceAt(placed, index, next).toFixed(3)} EUR/kWh then, ` +
    `${price.toFixed(3)} now. It would start now below ${dearestOn.toFixed(3)}.`;
  return reason('waiting_for_cheaper_slot', { value: price, limit: dearestOn, unit: 'EUR/kWh', words, slot: next });
}
