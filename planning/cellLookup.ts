import { ownerAllowsCompute } from '../domain/ownerPolicy.ts';
import type { OwnerPolicy } from '../domain/vehicles.ts';
import type { CarPlan } from '../scheduler/plan.ts';
import { seriesOnAxis, slotStartMs } from '../scheduler/time.ts';
import type { ChargeCycle } from '../store/chargeCycles.ts';
import type { ParkingSession } from '../store/parkingSessions.ts';
import type { Vehicle } from '../store/vehicles.ts';
import type { VehicleState } from '../store/vehicleStates.ts';
import type { WakeAttempt } from '../store/wakes.ts';
import type { CellState } from './cellState.ts';
import { spansOf } from './gridProblem.ts';

/** A cell's state by car and region: a list searched once for every car would take the square of their number. */
export interface CellLookup {
  readonly state: CellState;
  readonly vehicles: ReadonlyMap<string, Vehicle>;
  readonly vehicleStates: ReadonlyMap<string, VehicleState>;
  readonly wakes: ReadonlyMap<string, WakeAttempt>;
  readonly chargeCycles: ReadonlyMap<string, ChargeCycle>;
  readonly openSessions: ReadonlyMap<string, ParkingSession>;
  readonly previousCars: ReadonlyMap<string, CarPlan>;
  /** By region, of all that is known of the slots ahead. */
  readonly coldestCelsius: ReadonlyMap<string, number>;
  /** By region and slot, EUR/kWh; null where unknown. */
  readonly prices: ReadonlyMap<string, readonly (number | null)[]>;
  /** By slot, whether the owner's hours let the car compute, opt-outs apart. */
  readonly computeHours: (policy: OwnerPolicy) => readonly boolean[];
}

export function lookupOf(state: CellState): CellLookup {
  const byRegion = <Value>(valueOf: (regionId: string) => Value): Map<string, Value> =>
    new Map(state.regions.map(({ id }) => [id, valueOf(id)]));
  return {
    state,
    vehicles: new Map(state.vehicles.map((vehicle) => [vehicle.id, vehicle])),
    vehicleStates: byVehicle(state.vehicleStates),
    wakes: byVehicle(state.wakes),
    chargeCycles: byVehicle(state.chargeCycles),
    openSessions: byVehicle(state.openSessions),
    previousCars: new Map(state.previous?.cars.map((car) => [car.carId, car])),
    coldestCelsius: byRegion((id) => Math.min(...spansOf(state, 'temperature', id, null).map(({ value }) => value))),
    prices: byRegion((id) => seriesOnAxis(state.axis, spansOf(state, 'price', id, null))),
    computeHours: rememberedHours(state),
  };
}

function byVehicle<Item extends { readonly vehicleId: string }>(items: readonly Item[]): Map<string, Item> {
  return new Map(items.map((item) => [item.vehicleId, item]));
}

/** Owners share zones and hours, and asking the calendar for every car and slot would take minutes. */
function rememberedHours({ axis }: CellState): CellLookup['computeHours'] {
  const known = new Map<string, readonly boolean[]>();
  return (policy) => {
    const key = JSON.stringify([policy.timeZone, policy.computeHours]);
    const remembered = known.get(key);
    if (remembered) return remembered;
    // An opt-in that is withdrawn is its own reason, not one of hours.
    const asked = { ...policy, computeOptIn: true, optOutUntilMs: -Infinity };
    const hours = Array.from({ length: axis.count }, (_, slot) => ownerAllowsCompute(asked, slotStartMs(axis, slot)));
    known.set(key, hours);
    return hours;
  };
}
