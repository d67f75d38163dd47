import type { CarColumns } from '../compile.ts';

/** Setpoints of all cars over their plug windows: car i in slot t is at `offset[i] + t - from[i]`. */
export interface Setpoints {
  readonly offset: Float64Array;
  readonly chargeKw: Float64Array;
  /** At the plug, with the car present; 0 or everything that its class draws. */
  readonly computeKw: Float64Array;
}

/** Setpoints of 0 kW for every car and slot of its plug window. */
export function createSetpoints(cars: CarColumns): Setpoints {
  const offset = new Float64Array(cars.count + 1);
  for (let i = 0; i < cars.count; i++) {
    offset[i + 1] = (offset[i] ?? 0) + (cars.until[i] ?? 0) - (cars.from[i] ?? 0);
  }
  const cells = offset[cars.count] ?? 0;
  return { offset, chargeKw: new Float64Array(cells), computeKw: new Float64Array(cells) };
}

/** Index of the car's slot in the setpoint columns; the slot must lie in its plug window. */
export function cellOf(setpoints: Setpoints, cars: CarColumns, car: number, slot: number): number {
  return (setpoints.offset[car] ?? 0) + slot - (cars.from[car] ?? 0);
}
