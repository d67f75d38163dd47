import type { Certificate, Plan } from '../plan.ts';
import type { PlanningCar } from '../problem.ts';
import { chargeUntil } from './bound.ts';
import { finding, sum } from './carRules.ts';
import type { Finding } from './findings.ts';
import { need, type Reading } from './reading.ts';

const ROUNDING_SHARDS = 1e-6;
const TOLERANCE_KWH = 1e-6;
/** Figures are sums of many products in another order. */
const SUMMATION = 1e-9;
/** Penalties stand in some rents, so that a relative tolerance must be far below them. */
const PRICE_ROUNDING = 1e-12;

export interface Recomputed {
  readonly costEur: number;
  readonly energyCostEur: number;
  readonly carbonKg: number;
  readonly chargeKwh: number;
  readonly computeKwh: number;
  readonly expectedMissingKwh: number;
  readonly expectedMissingEur: number;
  readonly penaltyEur: number;
  /** Sum of the sizes of all parts of the cost: what rounding is measured against. */
  readonly scaleEur: number;
  /** kWh in the battery that each car lacks at ready-by; shards that each job lacks. */
  readonly missing: ReadonlyMap<string, number>;
}

/** Figures and shortfalls from the setpoints, and from the work that is expected of open cars, alone. */
export function recompute(reading: Reading, plan: Plan, cars: ReadonlyMap<string, PlanningCar>): Recomputed {
  const { problem, slotHours } = reading;
  const missing = new Map<string, number>();
  const plans = new Map(plan.cars.map((car) => [car.carId, car]));
  let [energyCostEur, carbonKg, chargeKwh, computeKwh, penaltyEur, scaleEur] = [0, 0, 0, 0, 0, 1e-3];
  let [expectedMissingKwh, expectedMissingEur] = [0, 0];
  for (const car of problem.cars) {
    const carPlan = need(plans.get(car.id));
    const region = reading.regionOf(reading.feederOf(car));
    for (let t = 0; t < reading.slots; t++) {
      const plannedKwh = need(carPlan.chargeKw[t]) * slotHours;
      const charged = plannedKwh > 0 ? plannedKwh * reading.survival(car, t) : 0;
      const computeKw = need(carPlan.computeKw[t]);
      const computed = computeKw > 0 ? computeKw * reading.survival(car, t) * slotHours : 0;
      chargeKwh += charged;
      computeKwh += computed;
      energyCostEur += (charged + computed) * need(region.priceEurPerKwh[t]);
      carbonKg += ((charged + computed) * need(region.carbonGPerKwh[t])) / 1000;
      scaleEur += (charged + computed) * Math.abs(reading.cost(region, t));
      if (plannedKwh > charged) {
        const missingEur = plannedKwh * reading.chargeCost(car, t) - charged * reading.cost(region, t);
        expectedMissingKwh += (plannedKwh - charged) * car.chargerEfficiency;
        expectedMissingEur += missingEur;
        scaleEur += Math.abs(missingEur);
      }
    }
    const byReadyBy = sum(carPlan.chargeKw.slice(0, chargeUntil(car))) * slotHours * car.chargerEfficiency;
    const short = car.needKwh - byReadyBy;
    if (short > TOLERANCE_KWH) {
      missing.set(`ready_by ${car.id}`, short);
      penaltyEur += (short / car.chargerEfficiency) * reading.ownerPenaltyEurPerKwh;
    }
    if (short > 0 && car.minimumNeedKwh > 0) {
      const charged = sum(carPlan.chargeKw) * slotHours * car.chargerEfficiency;
      if (car.minimumNeedKwh - charged > TOLERANCE_KWH) {
        missing.set(`minimum_soc ${car.id}`, car.minimumNeedKwh - charged);
      }
    }
  }
  for (const { carId } of plan.wakeUps) energyCostEur += need(cars.get(carId)).wakeCostEur;
  const jobPlans = new Map(plan.jobs.map((jobPlan) => [jobPlan.jobId, jobPlan]));
  for (const job of problem.jobs) {
    const expected = sum(need(jobPlans.get(job.id)).expectedWork.flatMap(({ shards }) => shards));
    const short = job.shardsRemaining - expected;
    if (short > ROUNDING_SHARDS) {
      missing.set(`job_deadline ${job.id}`, short);
      penaltyEur += short * reading.jobPenaltyEurPerShard(job);
    }
  }
  const costEur = energyCostEur + problem.weights.carbonEurPerKg * carbonKg + expectedMissingEur;
  return {
    costEur,
    energyCostEur,
    carbonKg,
    chargeKwh,
    computeKwh,
    expectedMissingKwh,
    expectedMissingEur,
    penaltyEur,
    scaleEur,
    missing,
  };
}

/** Every figure that the plan states of itself, against what its setpoints and prices give. */
export function checkFigures(plan: Plan, found: Recomputed, bound: { lowerBoundEur: number; gap: number }): Finding[] {
  const findings: Finding[] = [];
  const costWithin = SUMMATION * found.scaleEur;
  const penaltyWithin = SUMMATION * (1e-3 + found.penaltyEur);
  const boundWithin = costWithin + penaltyWithin + SUMMATION * Math.abs(bound.lowerBoundEur);
  const compare = (
    rule: 'figures' | 'certificate',
    name: string,
    stated: number,
    value: number,
    within: number,
  ): void => {
    if (Math.abs(stated - value) <= within) return;
    findings.push(finding(rule, name, undefined, stated, value, 'is not what the plan’s setpoints and prices give'));
  };
  const { figures, certificate } = plan;
  for (const name of ['costEur', 'energyCostEur', 'expectedMissingEur'] as const) {
    compare('figures', name, figures[name], found[name], costWithin);
  }
  compare('figures', 'penaltyEur', figures.penaltyEur, found.penaltyEur, penaltyWithin);
  for (const name of ['carbonKg', 'chargeKwh', 'computeKwh', 'expectedMissingKwh'] as const) {
    compare('figures', name, figures[name], found[name], SUMMATION * (1 + found[name]));
  }
  const gapTolerance = SUMMATION * (1 + Math.abs(bound.gap)) + boundWithin / gapBase(bound.lowerBoundEur);
  compare('figures', 'gap', figures.gap, bound.gap, gapTolerance);
  compare('certificate', 'lowerBoundEur', certificate.lowerBoundEur, bound.lowerBoundEur, boundWithin);
  const planEur = found.costEur + found.penaltyEur;
  if (planEur < bound.lowerBoundEur - boundWithin) {
    findings.push(finding('certificate', 'cost', undefined, planEur, bound.lowerBoundEur, 'lies below a proven bound'));
  }
  return findings;
}

/** What a gap is a part of: the bound, or next to nothing where that is 0. */
export function gapBase(lowerBoundEur: number): number {
  return Math.max(1e-9, Math.abs(lowerBoundEur));
}

/** Sums that the certificate states of its own prices: a price that was changed by itself no longer fits them. */
export function checkPrices({ problem, slots, slotHours }: Reading, certificate: Certificate): Finding[] {
  const findings: Finding[] = [];
  const complain = (id: string, stated: number, value: number): void => {
    if (!(Math.abs(stated - value) <= PRICE_ROUNDING * (1 + Math.abs(value))))
      findings.push(finding('certificate', id, undefined, stated, value, 'does not fit its price'));
  };
  const limits = [
    ...certificate.feederRentEurPerKwh.map((entry) => ({ id: entry.feederId, ...entry })),
    ...certificate.substationRentEurPerKwh.map((entry) => ({ id: entry.substationId, ...entry })),
  ];
  for (const { id, rent, oneMoreKwEur } of limits) {
    complain(`${id}.rent`, rent.length, slots);
    complain(`${id}.oneMoreKwEur`, oneMoreKwEur, sum(rent) * slotHours);
  }
  const shards = new Map(problem.jobs.map((job) => [job.id, job.shardsRemaining]));
  for (const { jobId, price, remainingEur } of certificate.jobPriceEurPerShard) {
    complain(`${jobId}.remainingEur`, remainingEur, price * (shards.get(jobId) ?? 0));
  }
  return findings;
}
