import type { CarPlan } from '../plan.ts';
import type { PlanningCar } from '../problem.ts';
import type { Finding, FindingRule } from './findings.ts';
import type { Loads } from './loads.ts';
import { need, type Reading } from './reading.ts';

const TOLERANCE_KW = 1e-6;
const TOLERANCE_KWH = 1e-6;

/** What a single car's setpoints break. */
export function checkCar(reading: Reading, car: PlanningCar, plan: CarPlan): Finding[] {
  return [...checkPower(reading, car, plan), ...checkEnergy(reading, car, plan), ...checkCompute(reading, car, plan)];
}

function checkPower(reading: Reading, car: PlanningCar, plan: CarPlan): Finding[] {
  const findings: Finding[] = [];
  const region = reading.regionOf(reading.feederOf(car));
  for (let t = 0; t < reading.slots; t++) {
    const chargeKw = need(plan.chargeKw[t]);
    const computeKw = need(plan.computeKw[t]);
    const plugged = t >= car.pluggedFromSlot && t < car.untilSlot;
    if (!plugged && (chargeKw > 0 || computeKw > 0)) {
      findings.push(finding('plug_window', car.id, t, chargeKw + computeKw, 0, 'draws power without being plugged in'));
    }
    if (chargeKw > car.chargerMaxKw + TOLERANCE_KW) {
      findings.push(
        finding('charger', car.id, t, chargeKw, car.chargerMaxKw, 'charges with more than its charger gives'),
      );
    }
    if (chargeKw > 0 && chargeKw < car.chargerMinKw - TOLERANCE_KW) {
      findings.push(finding('charger', car.id, t, chargeKw, car.chargerMinKw, 'charges with less than it accepts'));
    }
    if (chargeKw > 0 && reading.chargeKw(car, t) === 0) {
      const celsius = need(region.ambientCelsius[t]);
      findings.push(finding('cold', car.id, t, celsius, car.chargeFromCelsius ?? celsius, 'is charged in the cold'));
    }
    const limitKw = car.plugLimitKw ?? Infinity;
    if (chargeKw + computeKw > limitKw + TOLERANCE_KW) {
      findings.push(finding('plug_limit', car.id, t, chargeKw + computeKw, limitKw, 'draws more than its plug allows'));
    }
  }
  return findings;
}

/** The last slot may overshoot by what the least current forces; the car stops by itself at its target. */
function checkEnergy(reading: Reading, car: PlanningCar, plan: CarPlan): Finding[] {
  const chargedKwh = sum(plan.chargeKw) * reading.slotHours * car.chargerEfficiency;
  const spareKwh = car.chargerMinKw * reading.slotHours * car.chargerEfficiency;
  const mostKwh = car.needKwh + (car.needKwh > 0 ? spareKwh : 0) + TOLERANCE_KWH;
  if (chargedKwh <= mostKwh) return [];
  return [finding('energy', car.id, undefined, chargedKwh, car.needKwh, 'is charged with more than it needs')];
}

function checkCompute(reading: Reading, car: PlanningCar, plan: CarPlan): Finding[] {
  const findings: Finding[] = [];
  const region = reading.regionOf(reading.feederOf(car));
  let chargedKwh = 0;
  for (let t = 0; t < reading.slots; t++) {
    const computeKw = need(plan.computeKw[t]);
    if (computeKw > 0) {
      const share = reading.share(car, t);
      const fullKw = share * reading.classPlugKw(region, car.hardwareClass, t);
      if (share === 0) {
        findings.push(finding('compute_forbidden', car.id, t, computeKw, 0, 'computes where it may not'));
      } else if (Math.abs(computeKw - fullKw) > TOLERANCE_KW) {
        findings.push(finding('compute_power', car.id, t, computeKw, fullKw, 'computes with a part of its power'));
      }
      if (chargedKwh + TOLERANCE_KWH < car.computeFloorNeedKwh) {
        findings.push(
          finding('compute_forbidden', car.id, t, chargedKwh, car.computeFloorNeedKwh, 'computes below its floor'),
        );
      }
    }
    chargedKwh += need(plan.chargeKw[t]) * reading.slotHours * car.chargerEfficiency;
  }
  return findings;
}

/** Loads of all cars on the shared limits. */
export function checkLoads(reading: Reading, loads: Loads): Finding[] {
  const findings: Finding[] = [];
  for (const feeder of reading.problem.feeders) {
    const load = loads.feederKw.get(feeder.id);
    const rampKw = reading.problem.rules.maxRampUpKwPerSlot ?? Infinity;
    for (const [t, kw] of load?.entries() ?? []) {
      const limit = reading.feederKw(feeder, t);
      if (kw > limit + TOLERANCE_KW) {
        findings.push(finding('feeder_import', feeder.id, t, kw, limit, 'carries more than its limit'));
      }
      if (t > 0 && kw > need(load?.[t - 1]) + rampKw + TOLERANCE_KW) {
        findings.push(finding('ramp', feeder.id, t, kw - need(load?.[t - 1]), rampKw, 'rises too fast'));
      }
    }
  }
  for (const [station, load] of loads.substationKw) {
    for (const [t, kw] of load.entries()) {
      const limit = reading.substationKw(station, t);
      if (kw > limit + TOLERANCE_KW) {
        findings.push(finding('substation_import', station, t, kw, limit, 'carries more than its limit'));
      }
    }
  }
  return findings;
}

/** Makes a finding; `says` continues a sentence that begins with the id. */
export function finding(
  rule: FindingRule,
  id: string,
  slot: number | undefined,
  value: number,
  limit: number,
  says: string,
): Finding {
  const where = slot === undefined ? '' : ` in slot ${slot}`;
  return {
    rule,
    id,
    ...(slot === undefined ? {} : { slot }),
    value,
    limit,
    text: `${id} ${says}${where}: ${Number(value.toPrecision(7))} against ${Number(limit.toPrecision(7))}`,
  };
}

/** Sum of the values; 0 of none. */
export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
