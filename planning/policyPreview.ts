import { nextReadyBy } from '../domain/readyBy.ts';
import type { OwnerPolicy } from '../domain/vehicles.ts';
import type { Plan } from '../scheduler/plan.ts';
import type { PlanningProblem } from '../scheduler/problem.ts';
import { slotHours } from '../scheduler/time.ts';
import type { CellState } from './cellState.ts';

/** What a plan has for one car, from now to its end. Powers at the plug. */
export interface CarOutlook {
  readonly chargeKwh: number;
  readonly computeKwh: number;
  readonly computeHours: number;
  readonly costEur: number;
  readonly gramsCo2: number;
  readonly missing: readonly string[];
}

/** The cell's state as it would be if a car's owner had another policy; its open stay is agreed anew. */
export function withPolicy(state: CellState, vehicleId: string, policy: OwnerPolicy, nowMs: number): CellState {
  const { atMs: readyByMs, targetSocPercent } = nextReadyBy(policy, nowMs);
  return {
    ...state,
    vehicles: state.vehicles.map((vehicle) => (vehicle.id === vehicleId ? { ...vehicle, policy } : vehicle)),
    openSessions: state.openSessions.map((session) =>
      session.vehicleId === vehicleId ? { ...session, readyByMs, targetSocPercent } : session,
    ),
  };
}

/** What a plan of the problem has for the car. */
export function outlookOf(problem: PlanningProblem, plan: Plan, carId: string): CarOutlook {
  const feederId = problem.cars.find(({ id }) => id === carId)?.feederId;
  const regionId = problem.feeders.find(({ id }) => id === feederId)?.regionId;
  const region = problem.regions.find(({ id }) => id === regionId);
  const car = plan.cars.find((each) => each.carId === carId);
  const hours = slotHours(problem.slots);
  const outlook = { chargeKwh: 0, computeKwh: 0, computeHours: 0, costEur: 0, gramsCo2: 0 };
  for (let slot = 0; slot < problem.slots.count; slot++) {
    const chargeKwh = (car?.chargeKw[slot] ?? 0) * hours;
    const computeKwh = (car?.computeKw[slot] ?? 0) * hours;
    outlook.chargeKwh += chargeKwh;
    outlook.computeKwh += computeKwh;
    if (computeKwh > 0) outlook.computeHours += hours;
    outlook.costEur += chargeKwh * (region?.priceEurPerKwh[slot] ?? 0);
    outlook.gramsCo2 += chargeKwh * (region?.carbonGPerKwh[slot] ?? 0);
  }
  const missing = plan.unmet.filter(({ id, kind }) => id === carId && kind !== 'job_deadline').map(({ text }) => text);
  return { ...outlook, missing };
}
