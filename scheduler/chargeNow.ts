/** Below it a car has all that it wants. kW over one slot. */
const ROUNDING_KW = 1e-9;

/**
 * Slots that a car can wait before it must charge with all its power to be done in time; below 0 it is late already.
 * @param leftKw what is still to be charged, as power over one slot
 */
export function laxitySlots(slot: number, doneBySlot: number, leftKw: number, powerKw: number): number {
  return doneBySlot - slot - leftKw / Math.max(ROUNDING_KW, powerKw);
}

/**
 * What a car draws that charges in this slot as fast as it can: 0 below the least that it accepts. Its last slot may
 * need less than that; it then stops by itself, and the whole is reserved.
 */
export function chargeNowKw(leftKw: number, mostKw: number, minKw: number): number {
  if (leftKw <= ROUNDING_KW || mostKw <= 0 || mostKw < minKw) return 0;
  return Math.min(mostKw, Math.max(leftKw, minKw));
}
