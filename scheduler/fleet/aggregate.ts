// Indices come from loops over the fleet's own columns; a check on each read would double the time.
/* oxlint-disable typescript/no-non-null-assertion */
import type { CarColumns } from '../compile.ts';

/**
 * Cars of one feeder as far fewer pseudo-cars that can charge exactly as the cars can together. Cars with one window
 * form a group; a car with energy E and power P, fl = floor(E / P) and rem = E - fl·P, can always give its energy as
 * P - rem kW in any fl slots and rem kW in any fl + 1 slots, so a group is the sum of such pieces over l = 1, 2, …:
 * power p_l in any l slots. Aggregation is exact (Mukhi and Abate 2023 for the general theory).
 */
export interface Aggregate {
  readonly pseudoCars: CarColumns;
  /** Pseudo-car that holds a car's `fl` piece, or -1; its `fl + 1` piece is in `restOf`. */
  readonly wholeOf: Int32Array;
  readonly restOf: Int32Array;
  /** Part of that pseudo-car's power that is the car's. */
  readonly wholeShare: Float64Array;
  readonly restShare: Float64Array;
}

/**
 * @param cars columns of the fleet
 * @param members indices of the cars of one feeder
 * @param slots length of the axis
 */
export function aggregateCars(cars: CarColumns, members: Int32Array, slots: number): Aggregate {
  const width = slots + 2;
  const groupOf = new Map<number, number>();
  const group = new Int32Array(members.length);
  const groupWindow: number[] = [];
  for (let k = 0; k < members.length; k++) {
    const car = members[k]!;
    const key = cars.from[car]! * width + cars.chargeUntil[car]!;
    let index = groupOf.get(key);
    if (index === undefined) {
      index = groupWindow.length;
      groupOf.set(key, index);
      groupWindow.push(key);
    }
    group[k] = index;
  }
  const power = new Float64Array(groupWindow.length * width);
  const whole = new Int32Array(members.length);
  const rest = new Float64Array(members.length);
  for (let k = 0; k < members.length; k++) {
    const car = members[k]!;
    const maxKw = cars.maxKw[car]!;
    const window = cars.chargeUntil[car]! - cars.from[car]!;
    // What does not fit the window is no part of the group; it stays missing.
    const energy = Math.min(cars.energyKwSlots[car]!, window * maxKw);
    const fl = maxKw > 0 ? Math.min(window, Math.floor(energy / maxKw)) : 0;
    const rem = Math.max(0, energy - fl * maxKw);
    whole[k] = fl;
    rest[k] = fl < window ? rem : 0;
    const row = group[k]! * width;
    if (fl > 0) power[row + fl]! += maxKw - rest[k]!;
    if (rest[k]! > 0) power[row + fl + 1]! += rest[k]!;
  }
  const pseudoOf = new Int32Array(power.length).fill(-1);
  const kept: number[] = [];
  for (let cell = 0; cell < power.length; cell++) {
    if (power[cell]! <= 0) continue;
    pseudoOf[cell] = kept.length;
    kept.push(cell);
  }
  const wholeOf = new Int32Array(members.length).fill(-1);
  const restOf = new Int32Array(members.length).fill(-1);
  const wholeShare = new Float64Array(members.length);
  const restShare = new Float64Array(members.length);
  for (let k = 0; k < members.length; k++) {
    const cell = group[k]! * width + whole[k]!;
    if (whole[k]! > 0) {
      wholeOf[k] = pseudoOf[cell]!;
      wholeShare[k] = (cars.maxKw[members[k]!]! - rest[k]!) / power[cell]!;
    }
    if (rest[k]! > 0) {
      restOf[k] = pseudoOf[cell + 1]!;
      restShare[k] = rest[k]! / power[cell + 1]!;
    }
  }
  const from = Int32Array.from(kept, (cell) => Math.floor(groupWindow[Math.floor(cell / width)]! / width));
  const until = Int32Array.from(kept, (cell) => groupWindow[Math.floor(cell / width)]! % width);
  const count = kept.length;
  return {
    pseudoCars: {
      count,
      feeder: new Int32Array(count),
      hardwareClass: new Int32Array(count),
      from,
      chargeUntil: until,
      until,
      maxKw: Float64Array.from(kept, (cell) => power[cell]!),
      minKw: new Float64Array(count),
      energyKwSlots: Float64Array.from(kept, (cell) => power[cell]! * (cell % width)),
      minimumKwSlots: new Float64Array(count),
      efficiency: new Float64Array(count).fill(1),
      missingEurPerKwh: new Float64Array(count),
      chargeCapKw: (car) => power[kept[car]!]!,
      computeShare: () => 0,
      survival: () => 1,
    },
    wholeOf,
    restOf,
    wholeShare,
    restShare,
  };
}

/**
 * Splits the pseudo-cars' charging back onto the cars: each takes its part of its two pieces.
 * @param pseudoKw kW by pseudo-car and slot; pseudo-car p begins at `pseudoOffset[p]`
 * @param write takes the kW of member k in the slot that lies `slot` after the start of its window
 */
export function disaggregate(
  aggregate: Aggregate,
  pseudoKw: Float64Array,
  pseudoOffset: Float64Array,
  write: (member: number, slot: number, kw: number) => void,
): void {
  const { wholeOf, restOf, wholeShare, restShare, pseudoCars } = aggregate;
  for (let k = 0; k < wholeOf.length; k++) {
    const whole = wholeOf[k]!;
    const rest = restOf[k]!;
    const pseudo = whole >= 0 ? whole : rest;
    if (pseudo < 0) continue;
    const window = pseudoCars.until[pseudo]! - pseudoCars.from[pseudo]!;
    const wholeAt = whole >= 0 ? pseudoOffset[whole]! : 0;
    const restAt = rest >= 0 ? pseudoOffset[rest]! : 0;
    const a = whole >= 0 ? wholeShare[k]! : 0;
    const b = rest >= 0 ? restShare[k]! : 0;
    for (let slot = 0; slot < window; slot++) {
      const kw = a * pseudoKw[wholeAt + slot]! + b * pseudoKw[restAt + slot]!;
      if (kw > 0) write(k, slot, kw);
    }
  }
}
