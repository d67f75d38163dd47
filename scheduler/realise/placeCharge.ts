import type { CompiledProblem } from '../compile.ts';
import { at } from '../columns.ts';
import type { PlanningRules } from '../problem.ts';
import { chargeProfile } from './chargeProfile.ts';
import type { Headroom } from './headroom.ts';
import { cellOf, type Setpoints } from './setpoints.ts';

/** What charging needs to know of a car beside its columns. */
interface ChargeState {
  readonly chargingNow: boolean;
  readonly startsSoFar: number;
  readonly slotsInState: number;
}

const ROUNDING_KW = 1e-9;

/**
 * The owner's minimum is served at once at any price: slot by slot, cars in order of ready-by, each as much as charger
 * and limits allow, and never less than it accepts. It comes before every other load, so it defines what is left for the optimum.
 * @returns kW per car and slot, in the layout of setpoints
 */
export function minimumCharge(problem: CompiledProblem, setpoints: Setpoints, headroom: Headroom): Float64Array {
  const { cars } = problem;
  const minimumKw = new Float64Array(setpoints.chargeKw.length);
  const left = Float64Array.from(cars.minimumKwSlots);
  const order = Array.from({ length: cars.count }, (_, car) => car)
    .filter((car) => at(left, car) > ROUNDING_KW)
    .sort((a, b) => at(cars.chargeUntil, a) - at(cars.chargeUntil, b) || a - b);
  for (let t = 0; t < problem.slots; t++) {
    for (const car of order) {
      if (at(left, car) <= ROUNDING_KW || t < at(cars.from, car) || t >= at(cars.until, car)) continue;
      const roomKw = Math.min(cars.chargeCapKw(car, t), headroom.availableKw(at(cars.feeder, car), t));
      if (roomKw <= 0 || roomKw + ROUNDING_KW < at(cars.minKw, car)) continue;
      // The last bit takes a slot of the least current, or it would wait for as long as others fill the feeder.
      const kw = Math.min(roomKw, Math.max(at(left, car), at(cars.minKw, car)));
      minimumKw[cellOf(setpoints, cars, car, t)] = kw;
      left[car] = at(left, car) - kw;
      headroom.add(at(cars.feeder, car), t, kw);
    }
  }
  return minimumKw;
}

export interface ChargePlacement {
  readonly setpoints: Setpoints;
  readonly headroom: Headroom;
  readonly rules: PlanningRules;
  /** The part that serves owners' minimums. */
  readonly minimumKw: Float64Array;
  /** The optimum's charging, that part included; undefined to place every car by price alone. */
  readonly optimumKw: Float64Array | undefined;
  readonly stateOf: (car: number) => ChargeState;
  /** EUR per kWh that decides between slots: cost, and rent of the limits that bind. */
  readonly priceOf: (car: number, slot: number) => number;
}

/**
 * Places every car's charging, kW at the plug, cars with the least room to move first. Never passes a shared limit: what the optimum
 * has for the cars that are still to come stays reserved.
 */
export function placeCharging(problem: CompiledProblem, placement: ChargePlacement): void {
  const { cars } = problem;
  const laxity = Float64Array.from({ length: cars.count }, (_, car) => {
    let window = 0;
    for (let t = at(cars.from, car); t < at(cars.chargeUntil, car); t++) if (cars.chargeCapKw(car, t) > 0) window++;
    return at(cars.maxKw, car) > 0 ? window - at(cars.energyKwSlots, car) / at(cars.maxKw, car) : Infinity;
  });
  const order = Array.from(laxity.keys()).sort((a, b) => at(laxity, a) - at(laxity, b) || a - b);
  reserve(problem, placement);
  for (const car of order) {
    if (at(cars.energyKwSlots, car) <= ROUNDING_KW) continue;
    const first = at(placement.setpoints.offset, car);
    const reservedKw = (placement.optimumKw ?? placement.minimumKw).slice(
      first,
      at(placement.setpoints.offset, car + 1),
    );
    if (!placement.optimumKw) {
      placeCar(problem, placement, car, { countedKw: reservedKw });
      continue;
    }
    for (let k = 0; k < reservedKw.length; k++) {
      const kw = at(reservedKw, k);
      if (kw > 0) placement.headroom.add(at(cars.feeder, car), at(cars.from, car) + k, -kw);
    }
    placeCar(problem, placement, car, { optimumKw: reservedKw });
  }
}

/** Cars that a car with energy missing may change places with. */
const MAX_EXCHANGES = 40;

/**
 * Helps cars that least currents and few starts have left short although others could move: takes one other car of the
 * feeder out, places the short one first, and keeps what lowers the sum of what is missing. Then cars that are short
 * all the same charge on after ready-by, without pause, until they leave.
 */
export function mendCharging(problem: CompiledProblem, placement: ChargePlacement): void {
  const { cars } = problem;
  const missing = (car: number): number => missingKwSlots(problem, placement, car);
  const short = Array.from({ length: cars.count }, (_, car) => car).filter((car) => missing(car) > ROUNDING_KW);
  short.sort((a, b) => missing(b) - missing(a) || a - b);
  // Under a ramp limit loads may only grow: taking a car out could leave a rise that is too steep.
  if (placement.rules.maxRampUpKwPerSlot === undefined) {
    const byFeeder = needyByFeeder(problem);
    for (const car of short) exchange(problem, placement, car, byFeeder[at(cars.feeder, car)] ?? []);
    for (let car = 0; car < cars.count; car++) holdOn(problem, placement, car);
  }
  for (const car of short) {
    const left = missing(car);
    if (left > ROUNDING_KW) chargeLate(problem, placement, car, left);
  }
}

/** Cars on each feeder that charge and have no minimum: that is served at once, so its slots are not for exchange. */
function needyByFeeder({ cars, feeders }: CompiledProblem): readonly (readonly number[])[] {
  const byFeeder = Array.from({ length: feeders }, (): number[] => []);
  for (let car = 0; car < cars.count; car++) {
    if (at(cars.minimumKwSlots, car) > ROUNDING_KW || at(cars.energyKwSlots, car) <= ROUNDING_KW) continue;
    byFeeder[at(cars.feeder, car)]?.push(car);
  }
  return byFeeder;
}

function exchange(
  problem: CompiledProblem,
  placement: ChargePlacement,
  short: number,
  onFeeder: readonly number[],
): void {
  const { cars } = problem;
  const partners = onFeeder
    .filter(
      (car) =>
        car !== short &&
        at(cars.from, car) < at(cars.chargeUntil, short) &&
        at(cars.from, short) < at(cars.chargeUntil, car),
    )
    .sort((a, b) => at(cars.chargeUntil, b) - at(cars.from, b) - (at(cars.chargeUntil, a) - at(cars.from, a)) || a - b);
  // Where the charger alone leaves it short, nobody's room helps.
  if (!couldTake(problem, placement, short, short)) return;
  for (const partner of [short, ...partners.slice(0, MAX_EXCHANGES)]) {
    if (partner !== short && !couldTake(problem, placement, short, partner)) continue;
    const pair = partner === short ? [short] : [short, partner];
    const before = pair.reduce((sum, car) => sum + missingKwSlots(problem, placement, car), 0);
    if (missingKwSlots(problem, placement, short) <= ROUNDING_KW) return;
    // Placed anew they have what they had and the room that is left.
    if (!pair.some((car) => hasRoom(problem, placement, car))) continue;
    const profiles = pair.map((car) => takeOut(problem, placement, car));
    for (const car of pair) placeCar(problem, placement, car, { isSparing: true });
    const after = pair.reduce((sum, car) => sum + missingKwSlots(problem, placement, car), 0);
    if (after < before - ROUNDING_KW) continue;
    for (const car of pair) takeOut(problem, placement, car);
    for (const [index, car] of pair.entries()) putBack(problem, placement, car, profiles[index] ?? new Float64Array());
  }
}

/** Whether the short car could take more in a slot in which the other, unless that is itself, charges. */
function couldTake({ cars }: CompiledProblem, { setpoints }: ChargePlacement, short: number, other: number): boolean {
  const from = Math.max(at(cars.from, short), at(cars.from, other));
  const until = Math.min(at(cars.chargeUntil, short), at(cars.chargeUntil, other));
  for (let t = from; t < until; t++) {
    const kw = at(setpoints.chargeKw, cellOf(setpoints, cars, short, t));
    if (kw + ROUNDING_KW >= cars.chargeCapKw(short, t)) continue;
    if (other === short || at(setpoints.chargeKw, cellOf(setpoints, cars, other, t)) > 0) return true;
  }
  return false;
}

function hasRoom({ cars }: CompiledProblem, { headroom }: ChargePlacement, car: number): boolean {
  for (let t = at(cars.from, car); t < at(cars.chargeUntil, car); t++) {
    if (headroom.availableKw(at(cars.feeder, car), t) > 0) return true;
  }
  return false;
}

/** A running car that was cut short for compute's sake is placed again, now that compute only gets what is left. */
function holdOn(problem: CompiledProblem, placement: ChargePlacement, car: number): void {
  const held = placement.stateOf(car).chargingNow ? heldSlotsOf(problem, placement, car) : 0;
  const first = at(placement.setpoints.offset, car);
  const isHeld = placement.setpoints.chargeKw.subarray(first, first + held).every((kw) => kw > 0);
  if (isHeld || at(problem.cars.minimumKwSlots, car) > ROUNDING_KW) return;
  const before = missingKwSlots(problem, placement, car);
  const profile = takeOut(problem, placement, car);
  placeCar(problem, placement, car, {});
  if (missingKwSlots(problem, placement, car) <= before + ROUNDING_KW) return;
  takeOut(problem, placement, car);
  putBack(problem, placement, car, profile);
}

function missingKwSlots({ cars }: CompiledProblem, { setpoints }: ChargePlacement, car: number): number {
  const first = at(setpoints.offset, car);
  let left = at(cars.energyKwSlots, car);
  for (let k = 0; k < at(cars.chargeUntil, car) - at(cars.from, car); k++) left -= at(setpoints.chargeKw, first + k);
  return left;
}

function takeOut({ cars }: CompiledProblem, { setpoints, headroom }: ChargePlacement, car: number): Float64Array {
  const first = at(setpoints.offset, car);
  const profile = setpoints.chargeKw.slice(first, at(setpoints.offset, car + 1));
  for (let k = 0; k < profile.length; k++) {
    if (at(profile, k) > 0) headroom.add(at(cars.feeder, car), at(cars.from, car) + k, -at(profile, k));
    setpoints.chargeKw[first + k] = 0;
  }
  return profile;
}

function putBack(
  { cars }: CompiledProblem,
  { setpoints, headroom }: ChargePlacement,
  car: number,
  profile: Float64Array,
): void {
  setpoints.chargeKw.set(profile, at(setpoints.offset, car));
  for (const [k, kw] of profile.entries()) {
    if (kw > 0) headroom.add(at(cars.feeder, car), at(cars.from, car) + k, kw);
  }
}

/** Counts what each car is to have before its turn; its minimum is counted already. */
function reserve(problem: CompiledProblem, { setpoints, headroom, minimumKw, optimumKw }: ChargePlacement): void {
  if (!optimumKw) return;
  const { cars } = problem;
  for (let car = 0; car < cars.count; car++) {
    let cell = at(setpoints.offset, car);
    for (let t = at(cars.from, car); t < at(cars.until, car); t++, cell++) {
      const more = at(optimumKw, cell) - at(minimumKw, cell);
      if (more > 0) headroom.add(at(cars.feeder, car), t, more);
    }
  }
}

interface OneCar {
  readonly optimumKw?: Float64Array;
  /** Its own load that is counted already: under a ramp limit its minimum stays in place, as one slot makes room in the next. */
  readonly countedKw?: Float64Array;
  /** Leaves others all the room that it can: no slot has more than the car takes. */
  readonly isSparing?: boolean;
}

/** Places one car in what is left. */
function placeCar(
  problem: CompiledProblem,
  placement: ChargePlacement,
  car: number,
  { optimumKw, countedKw, isSparing = false }: OneCar,
): void {
  const { cars } = problem;
  const { setpoints, headroom, rules, minimumKw } = placement;
  const from = at(cars.from, car);
  const until = at(cars.chargeUntil, car);
  const feeder = at(cars.feeder, car);
  const first = cellOf(setpoints, cars, car, from);
  const state = placement.stateOf(car);
  const onBefore = from === 0 && state.chargingNow;
  const minStateSlots = minStateSlotsOf(problem, placement);
  const capKw = new Float64Array(until - from);
  const price = new Float64Array(until - from);
  for (let k = 0; k < capKw.length; k++) {
    capKw[k] = Math.min(
      cars.chargeCapKw(car, from + k),
      headroom.availableKw(feeder, from + k) + (countedKw?.[k] ?? 0),
    );
    price[k] = placement.priceOf(car, from + k);
  }
  if (from === 0 && price.length > 0) {
    price[0] = at(price, 0) + (onBefore ? -1 : 1) * rules.hysteresisEurPerKwh;
  }
  const kw = chargeProfile({
    energyKwSlots: at(cars.energyKwSlots, car),
    capKw,
    floorKw: minimumKw.slice(first, first + until - from),
    price,
    optimumKw: optimumKw?.subarray(0, until - from),
    minKw: at(cars.minKw, car),
    isSparing,
    // Ready-by comes before the comfort of few starts.
    startsLeft: Math.max(onBefore ? 0 : 1, rules.maxChargeStarts - state.startsSoFar),
    onBefore,
    minStateSlots,
    heldSlots: heldSlotsOf(problem, placement, car),
  });
  for (let k = 0; k < kw.length; k++) {
    const power = at(kw, k);
    const more = power - (countedKw?.[k] ?? 0);
    setpoints.chargeKw[first + k] = power;
    if (more !== 0) headroom.add(feeder, from + k, more);
  }
}

function minStateSlotsOf({ slotHours }: CompiledProblem, { rules }: ChargePlacement): number {
  return Math.max(1, Math.ceil(rules.minStateMinutes / (slotHours * 60)));
}

/** Slots from the first one on in which the state before the plan still has to be held. */
function heldSlotsOf(problem: CompiledProblem, placement: ChargePlacement, car: number): number {
  const held = minStateSlotsOf(problem, placement) - placement.stateOf(car).slotsInState;
  return at(problem.cars.from, car) === 0 ? Math.max(0, held) : 0;
}

function chargeLate(problem: CompiledProblem, placement: ChargePlacement, car: number, energyKwSlots: number): void {
  const { cars } = problem;
  const { setpoints, headroom } = placement;
  let left = energyKwSlots;
  for (let t = at(cars.chargeUntil, car); t < at(cars.until, car) && left > ROUNDING_KW; t++) {
    const mostKw = Math.min(cars.chargeCapKw(car, t), headroom.availableKw(at(cars.feeder, car), t));
    if (mostKw <= 0 || mostKw < at(cars.minKw, car)) continue;
    const kw = Math.min(mostKw, Math.max(left, at(cars.minKw, car)));
    setpoints.chargeKw[cellOf(setpoints, cars, car, t)] = kw;
    headroom.add(at(cars.feeder, car), t, kw);
    left -= kw;
  }
}
