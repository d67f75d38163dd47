import type { Plan } from '../scheduler/plan.ts';
import type { PlanningProblem } from '../scheduler/problem.ts';
import { slotStartMs, type SlotAxis } from '../scheduler/time.ts';
import type { FeederSlot } from '../store/feederSlots.ts';

/** What a plan has for the cars of a feeder together, by slot of the plan. Powers are kW at the plugs. */
export interface FeederForecast {
  readonly chargeKw: Float64Array;
  readonly computeKw: Float64Array;
  /** Dual price of the feeder's limit: what one more kW of it would save, EUR per kWh; 0 where it does not bind. */
  readonly rentEurPerKwh: readonly number[];
  /** The rents times the slots' hours: what one more kW in every slot would save, EUR. */
  readonly oneMoreKwEur: number;
}

/** A plan summed up by feeder; every feeder of the problem has an entry. */
export function forecastByFeeder(
  problem: Pick<PlanningProblem, 'slots' | 'feeders' | 'cars'>,
  plan: Pick<Plan, 'cars' | 'certificate'>,
): Map<string, FeederForecast> {
  const { count } = problem.slots;
  const rents = new Map(plan.certificate.feederRentEurPerKwh.map((each) => [each.feederId, each]));
  const forecasts = new Map(
    problem.feeders.map(({ id }) => {
      const rent = rents.get(id);
      const forecast = {
        chargeKw: new Float64Array(count),
        computeKw: new Float64Array(count),
        rentEurPerKwh: rent?.rent ?? Array.from({ length: count }, () => 0),
        oneMoreKwEur: rent?.oneMoreKwEur ?? 0,
      };
      return [id, forecast];
    }),
  );
  const feederOf = new Map(problem.cars.map(({ id, feederId }) => [id, feederId]));
  for (const car of plan.cars) {
    const forecast = forecasts.get(feederOf.get(car.carId) ?? '');
    if (!forecast) continue;
    for (let slot = 0; slot < count; slot++) {
      forecast.chargeKw[slot] = (forecast.chargeKw[slot] ?? 0) + (car.chargeKw[slot] ?? 0);
      forecast.computeKw[slot] = (forecast.computeKw[slot] ?? 0) + (car.computeKw[slot] ?? 0);
    }
  }
  return forecasts;
}

/** What the plan commits on each feeder: its first slot. */
export function committedByFeeder(
  problem: Pick<PlanningProblem, 'slots' | 'feeders' | 'cars'>,
  plan: Pick<Plan, 'cars' | 'certificate'> & { readonly slots: SlotAxis },
): FeederSlot[] {
  return [...forecastByFeeder(problem, plan)].map(([feederId, forecast]) => ({
    feederId,
    slotStartMs: slotStartMs(plan.slots, 0),
    chargeKw: forecast.chargeKw[0] ?? 0,
    computeKw: forecast.computeKw[0] ?? 0,
    rentEurPerKwh: forecast.rentEurPerKwh[0] ?? 0,
  }));
}
