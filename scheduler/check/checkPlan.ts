import type { Plan } from '../plan.ts';
import type { PlanningProblem } from '../problem.ts';
import { evaluateBound } from './bound.ts';
import { checkCar, checkLoads, finding } from './carRules.ts';
import type { Finding } from './findings.ts';
import { checkExpectedShards, checkGrants, checkMinimums, checkWakeUps, recompute } from './planRules.ts';
import { need, readProblem, type Reading } from './reading.ts';

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

/** Figures are sums of many products; the bound cancels large terms. */
const TOLERANCE = 1e-6;

/**
 * Checks a plan against its problem without trusting any of its figures. Shares the schemas and the power model with
 * the planner, and no code beside them. A plan whose shape does not fit the problem is reported without the rest.
 * @param problem as `planningProblemSchema` accepts it
 * @param plan as `planSchema` accepts it
 */
export function checkPlan(problem: PlanningProblem, plan: Plan): CheckReport {
  const reading = readProblem(problem);
  const shape = checkShape(reading, plan);
  if (shape.length > 0)
    return { ok: false, findings: shape, costEur: 0, penaltyEur: 0, lowerBoundEur: 0, gap: Infinity };

  const cars = new Map(problem.cars.map((car) => [car.id, car]));
  const { costEur, penaltyEur, missing } = recompute(reading, plan, cars);
  const lowerBoundEur = evaluateBound(reading, plan.certificate);
  const gap = (costEur + penaltyEur - lowerBoundEur) / Math.max(1e-9, Math.abs(lowerBoundEur));
  const findings: Finding[] = [
    ...plan.cars.flatMap((car) => checkCar(reading, need(cars.get(car.carId)), car)),
    ...checkLoads(reading, plan, cars),
    ...checkMinimums(reading, plan),
    ...checkGrants(reading, plan, cars),
    ...checkExpectedShards(reading, plan, cars),
    ...checkWakeUps(reading, plan),
    ...checkUnmet(plan, missing),
  ];
  const scale = 1 + Math.abs(costEur + penaltyEur);
  const figures: readonly (readonly ['figures' | 'certificate', string, number, number])[] = [
    ['figures', 'costEur', plan.figures.costEur, costEur],
    ['figures', 'penaltyEur', plan.figures.penaltyEur, penaltyEur],
    ['certificate', 'lowerBoundEur', plan.certificate.lowerBoundEur, lowerBoundEur],
  ];
  for (const [rule, name, stated, found] of figures) {
    if (Math.abs(stated - found) > TOLERANCE * scale) {
      findings.push(finding(rule, name, undefined, stated, found, 'is not what the plan’s setpoints and prices give'));
    }
  }
  if (costEur + penaltyEur < lowerBoundEur - TOLERANCE * scale) {
    findings.push(
      finding('certificate', 'cost', undefined, costEur + penaltyEur, lowerBoundEur, 'lies below a proven bound'),
    );
  }
  return { ok: findings.length === 0, findings, costEur, penaltyEur, lowerBoundEur, gap };
}

function checkShape(reading: Reading, plan: Plan): Finding[] {
  const { problem } = reading;
  const findings: Finding[] = [];
  const complain = (id: string, value: number, limit: number, says: string): void => {
    findings.push(finding('shape', id, undefined, value, limit, says));
  };
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
  const ids = new Set(problem.cars.map((car) => car.id));
  for (const { carId, slot } of plan.wakeUps) {
    if (!ids.has(carId)) complain(`wake-up of ${carId}`, slot, 0, 'names a car that the problem does not have');
  }
  return findings;
}

/** The plan must own up to exactly what its setpoints leave unmet. */
function checkUnmet(plan: Plan, missing: ReadonlyMap<string, number>): Finding[] {
  const findings: Finding[] = [];
  const stated = new Map(plan.unmet.map((unmet) => [`${unmet.kind} ${unmet.id}`, unmet.missing]));
  for (const [what, amount] of missing) {
    const said = stated.get(what) ?? 0;
    if (Math.abs(said - amount) > TOLERANCE * (1 + amount)) {
      findings.push(finding('unmet', what, undefined, said, amount, 'is not reported as it is'));
    }
  }
  for (const [what, said] of stated) {
    if (!missing.has(what) && said > TOLERANCE) {
      findings.push(finding('unmet', what, undefined, said, 0, 'is reported although it is met'));
    }
  }
  return findings;
}
