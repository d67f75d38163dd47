import type { PlanDispatch } from '../domain/workflows/coSchedule.ts';
import type { CellState } from './cellState.ts';
import { heldAsleepUntilMs } from './wakes.ts';

/** A car is to fetch a model within these hours; grid time. */
interface FetchOrder {
  readonly vehicleId: string;
  readonly name: string;
  readonly version: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

/**
 * Cars of a roll-out that sleep at their plugs in the hour in which they are to fetch its version: nothing else wakes those
 * that have no work, and a roll-out at night would wait for them until their drivers come.
 */
export function wakesToFetch(
  {
    openSessions,
    vehicleStates,
    wakes,
    rolloutFamilies,
  }: Pick<CellState, 'openSessions' | 'vehicleStates' | 'wakes' | 'rolloutFamilies'>,
  orders: readonly FetchOrder[],
  nowMs: number,
): PlanDispatch['vehiclesToWake'] {
  const parked = new Set(openSessions.map(({ vehicleId }) => vehicleId));
  const online = new Set(vehicleStates.filter((state) => state.online).map(({ vehicleId }) => vehicleId));
  const attempts = new Map(wakes.map((attempt) => [attempt.vehicleId, attempt]));
  return orders
    .filter(({ vehicleId, fromMs, untilMs }) => rolloutFamilies.has(vehicleId) && fromMs <= nowMs && nowMs < untilMs)
    .filter(({ vehicleId }) => parked.has(vehicleId) && !online.has(vehicleId))
    .filter(({ vehicleId }) => heldAsleepUntilMs(attempts.get(vehicleId), nowMs) === undefined)
    .map(({ vehicleId, name, version }) => ({ vehicleId, reason: `it is to fetch ${name} ${version}` }));
}
