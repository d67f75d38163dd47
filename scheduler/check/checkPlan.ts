import type { Plan } from '../plan.ts';
import type { PlanningProblem } from '../problem.ts';
import { evaluateBound } from './bound.ts';
import { checkCar, checkLoads, finding } from './carRules.ts';
import { checkFigures, checkPrices, gapBase, recompute } from './figureRules.ts';
import type { Finding } from './findings.ts';
import { checkJobs } from './jobRules.ts';
import { loadsOf } from './loads.ts';
import { checkMinimums, checkStartDelays, checkWakeUps } from './planRules.ts';
import { checkReasons } from './reasonRules.ts';
import { need, readProblem, type Reading } from './reading.ts';
import { checkStates } from './stateRules.ts';
import { checkUnmet } from './unmetRules.ts';

export interface CheckReport {
  /** No finding at all: feasible, figures true, bound proven. */
  readonly ok: boolean;
  readonly findings: readonly Finding[];
  /** Cost and penalties as the setpoints give them, EUR. */
  readonly costEur: number;
  readonly penaltyEur: number;
  /** What no feasible plan can go below, as the checker evaluates the certificate, EUR. */
  readonly lowerBoundEur: number;
  /** (cost + penalty - lower bound) / |lower bound|. */
  readonly gap: number;
}

/**
 * Checks a plan against its problem without trusting any of its figures: every number that the plan states is held
 * against what its setpoints, its expected work and its prices give. Words are for people and are not read. Shares the
 * schemas and the power model with the planner, and no code beside them. A plan whose shape does not fit the problem is
 * reported without the rest.
 * @param problem as `planningProblemSchema` accepts it
 * @param plan as `planSchema` accepts it
 */
export function checkPlan(problem: PlanningProblem, plan: Plan): CheckReport {
  const reading = readProblem(problem);
  const shape = checkShape(reading, plan);
  if (shape.length > 0)
    return { ok: false, findings: shape, costEur: 0, penaltyEur: 0, lowerBoundEur: 0, gap: Infinity };

  const cars = new Map(problem.cars.map((car) => [car.id, car]));
  const loads = loadsOf(reading, plan, cars);
  const found = recompute(reading, plan, cars);
  const { costEur, penaltyEur, missing } = found;
  const lowerBoundEur = evaluateBound(reading, plan.certificate);
  const lostEur = costEur + penaltyEur - lowerBoundEur;
  const gap = Math.abs(lostEur) < 1e-12 ? 0 : lostEur / gapBase(lowerBoundEur);
  const findings: Finding[] = [
    ...plan.cars.flatMap((carPlan) => {
      const car = need(cars.get(carPlan.carId));
      return [...checkCar(reading, car, carPlan), ...checkStates(reading, loads, car, carPlan)];
    }),
    ...checkLoads(reading, loads),
    ...checkMinimums(reading, plan, loads),
    ...checkJobs(reading, plan, cars),
    ...checkWakeUps(reading, plan, cars),
    ...checkStartDelays(reading, plan, cars),
    ...checkUnmet(reading, plan, loads, missing),
    ...checkFigures(plan, found, { lowerBoundEur, gap }),
    ...checkPrices(reading, plan.certificate),
    ...checkReasons(reading, plan, loads, missing),
  ];
  return { ok: findings.length === 0, findings, costEur, penaltyEur, lowerBoundEur, gap };
}

function checkShape(reading: Reading, plan: Plan): Finding[] {
  const { problem } = reading;
  const findings: Finding[] = [];
  const complain = (id: string, value: number, limit: number, says: string): void => {
    findings.push(finding('shape', id, undefined, value, limit, says));
  };
  if (plan.version !== 1) complain('version', plan.version, 1, 'is not the version that is checked');
  for (const name of ['startMs', 'slotMinutes', 'count'] as const) {
    if (plan.slots[name] !== problem.slots[name]) {
      complain(`slots.${name}`, plan.slots[name], problem.slots[name], 'is not the problem’s');
    }
  }
  const pairs = [
    ['cars', plan.cars.map((car) => car.carId), problem.cars.map((car) => car.id)],
    ['jobs', plan.jobs.map((job) => job.jobId), problem.jobs.map((job) => job.id)],
  ] as const;
  for (const [kind, planned, known] of pairs) {
    const wanted = new Set(known);
    const found = new Set(planned);
    const same =
      planned.length === known.length && found.size === planned.length && planned.every((id) => wanted.has(id));
    if (!same) complain(kind, planned.length, known.length, 'are not the problem’s');
  }
  for (const car of plan.cars) {
    for (const name of ['chargeKw', 'computeKw'] as const) {
      if (car[name].length !== reading.slots) {
        complain(`${car.carId}.${name}`, car[name].length, reading.slots, 'does not have one value per slot');
      } else if (!car[name].every((kw) => Number.isFinite(kw) && kw >= 0)) {
        complain(`${car.carId}.${name}`, Number.NaN, 0, 'has a value that is not a power');
      }
    }
  }
  for (const { jobId, expectedWork } of plan.jobs) {
    for (const { shards } of expectedWork) {
      if (shards.length !== reading.slots || !shards.every((count) => Number.isFinite(count) && count >= 0)) {
        complain(`${jobId}.expectedWork`, shards.length, reading.slots, 'does not have one count of shards per slot');
      }
    }
  }
  const ids = new Set(problem.cars.map((car) => car.id));
  for (const { carId, slot } of plan.wakeUps) {
    if (!ids.has(carId)) complain(`wake-up of ${carId}`, slot, 0, 'names a car that the problem does not have');
  }
  return findings;
}
