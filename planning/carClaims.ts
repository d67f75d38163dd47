import { z } from 'zod';
import { MINUTE_MS } from '../domain/durations.ts';
import { carReason, type CarReason, type ClaimHolder } from '../domain/claims.ts';
import { policyReasons } from '../domain/ownerPolicy.ts';
import type { Plan } from '../scheduler/plan.ts';
import type { PlanningProblem } from '../scheduler/problem.ts';
import type { PlanReason, PlanReasonCode } from '../scheduler/reasons.ts';
import type { ClaimUpdate } from '../store/vehicleClaims.ts';
import type { Vehicle } from '../store/vehicles.ts';
import { judgeWish, MAX_ATTEMPTS } from '../charging/chargeControl.ts';
import { lookupOf, type CellLookup } from './cellLookup.ts';
import type { CellState } from './cellState.ts';
import { heldAsleepUntilMs } from './wakes.ts';

const NEARLY_FULL_PERCENT = 2;
const powerSchema = z.object({
  values: z.object({ ACChargingPower: z.object({ value: z.number(), atMs: z.number() }) }),
});

/** Reasons of the planner that speak for someone else than the plan. */
const HOLDERS: Partial<Record<PlanReasonCode, ClaimHolder>> = {
  compute_too_hot: 'safety',
  waiting_too_cold: 'safety',
  emergency_limit: 'grid_emergency',
  charging_minimum_soc: 'owner_now',
  compute_soc_floor: 'limit',
  compute_feeder_limit: 'limit',
  compute_plug_limit: 'limit',
  compute_wake_cap: 'limit',
  waiting_feeder_limit: 'limit',
  waiting_below_minimum_current: 'limit',
  kept_on: 'limit',
  kept_off: 'limit',
};

/** The planner only knows that the car must not compute; policy, price and telemetry say why in their own reasons. */
const SAID_ELSEWHERE: readonly PlanReasonCode[] = ['compute_opted_out', 'compute_owner_hours'];

/** What a plan that was made at this grid time says of each of its cars, and what their owners' policies say. */
export function claimsOfPlan(
  state: CellState,
  problem: PlanningProblem,
  plan: Plan,
  createdAtMs: number,
): { readonly plan: ClaimUpdate[]; readonly policy: ClaimUpdate[] } {
  // A plan that is made within its slot holds from then on, one that is made ahead of it from its start.
  const atMs = Math.max(plan.slots.startMs, createdAtMs);
  const cell = lookupOf(state);
  const { vehicles } = cell;
  const prices = new Map(problem.regions.map(({ id, priceEurPerKwh }) => [id, priceEurPerKwh[0]]));
  const asked = new Map(problem.cars.map((car) => [car.id, car]));
  const emergencies = feedersInEmergency(problem);
  return {
    plan: plan.cars.map(({ carId, chargeKw, computeKw, reasons }) => {
      const emergency = emergencies.get(asked.get(carId)?.feederId ?? '');
      const vehicle = vehicles.get(carId);
      const price = vehicle && priceReason(prices.get(vehicle.regionId), vehicle);
      return {
        vehicleId: carId,
        atMs,
        source: 'plan',
        reasons: [
          ...(emergency ? [emergency] : []),
          ...wakeReasons(cell, carId),
          ...chargeReasons(cell, carId),
          ...(price ? [price] : []),
          ...reasons.filter(({ code }) => !SAID_ELSEWHERE.includes(code)).map(carReasonOf),
        ],
        condition: { chargeKw: chargeKw[0] ?? 0, computeKw: computeKw[0] ?? 0 },
      };
    }),
    policy: plan.cars.flatMap(({ carId: vehicleId }) => {
      const policy = vehicles.get(vehicleId)?.policy;
      return policy ? [{ vehicleId, atMs, source: 'policy', reasons: policyReasons(policy, atMs) }] : [];
    }),
  };
}

function carReasonOf({ code, text, value, limit }: PlanReason): CarReason {
  return {
    source: 'plan',
    holder: HOLDERS[code] ?? 'plan',
    code,
    text,
    ...(value === undefined ? {} : { value }),
    ...(limit === undefined ? {} : { limit }),
  };
}

/** A car that did not wake up is planned without until it is tried again. */
function wakeReasons({ state: { axis }, wakes, vehicleStates }: CellLookup, carId: string): CarReason[] {
  const attempt = wakes.get(carId);
  const retryAtMs = heldAsleepUntilMs(attempt, axis.startMs);
  const isOnline = vehicleStates.get(carId)?.online === true;
  if (!attempt || retryAtMs === undefined || isOnline) return [];
  const minutes = Math.ceil((retryAtMs - axis.startMs) / MINUTE_MS);
  const text = `It did not wake up ${attempt.failures} times in a row, and is tried again in ${minutes} min.`;
  return [carReason('plan', 'limit', 'wake_failed', { text, value: attempt.failures, limit: 0 })];
}

/**
 * A car that was told to charge, once in every slot since, and does not. Its own compute is no charge. A car that tapers
 * at its target or that nobody hears is no refusal.
 */
function chargeReasons(cell: CellLookup, carId: string): CarReason[] {
  const known = cell.chargeCycles.get(carId);
  const cycle = known?.charging ? known : undefined;
  const open = cell.openSessions.get(carId);
  const session = open?.stay === cycle?.stay ? open : undefined;
  const state = cell.vehicleStates.get(carId);
  const live = state?.online ? state : undefined;
  const told = cell.previousCars.get(carId);
  const power = powerSchema.safeParse(live?.fused);
  const chargeKw = told?.chargeKw[0] ?? 0;
  if (!cycle || !session || !power.success || chargeKw === 0) return [];
  const missingPercent = session.targetSocPercent - (live?.socPercent ?? session.targetSocPercent);
  if (missingPercent < NEARLY_FULL_PERCENT) return [];
  const { value, atMs } = power.data.values.ACChargingPower;
  const drawnKw = Math.max(0, value - (told?.computeKw[0] ?? 0));
  const verdict = judgeWish(
    { chargeKw, sentAtMs: cycle.changedAtMs, attempts: MAX_ATTEMPTS },
    { chargeKw: drawnKw, atMs },
    cell.state.axis.startMs,
  );
  if (verdict.kind !== 'refused' || drawnKw > 0) return [];
  const text = `It was told to charge at ${chargeKw.toFixed(1)} kW and draws ${drawnKw.toFixed(1)} kW.`;
  return [carReason('plan', 'limit', 'charge_refused', { text, value: drawnKw, limit: chargeKw })];
}

function priceReason(value: number | undefined, { policy }: Vehicle): CarReason | undefined {
  const limit = policy.maxComputeEurPerKwh;
  if (limit === undefined || value === undefined || value <= limit) return undefined;
  const text = `The price is ${value.toFixed(3)} EUR/kWh; the owner lets it compute at up to ${limit.toFixed(3)}.`;
  return carReason('plan', 'limit', 'owner_price_limit', { text, value, limit });
}

function feedersInEmergency(problem: PlanningProblem): Map<string, CarReason> {
  return new Map(
    problem.feeders.flatMap(({ id, importLimitKw, houseLoadKw, failSafeImportKw }) => {
      const limit = importLimitKw[0] ?? failSafeImportKw;
      const value = houseLoadKw[0] ?? 0;
      if (limit >= value) return [];
      const text = `Houses draw ${value.toFixed(1)} kW of a limit of ${limit.toFixed(1)} kW, so cars draw nothing.`;
      return [[id, carReason('plan', 'grid_emergency', 'grid_emergency', { text, value, limit })] as const];
    }),
  );
}
