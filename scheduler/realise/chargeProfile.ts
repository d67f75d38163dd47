import { at } from '../columns.ts';

/** One car's charging as the planner may place it; arrays hold one value per slot of its window. */
export interface ChargeTask {
  /** kW·slots at the plug that are needed. */
  readonly energyKwSlots: number;
  /** Most that it can draw: charger, and what others have left of the shared limits. */
  readonly capKw: Float64Array;
  /** Least that it must draw: the part that serves the owner's minimum at once. */
  readonly floorKw: Float64Array;
  /** EUR per kWh that decides between slots. */
  readonly price: Float64Array;
  /** The optimum's profile, kept where a real car can follow it; undefined where there is none. */
  readonly optimumKw: Float64Array | undefined;
  /** Charges with at least this or not at all. */
  readonly minKw: number;
  /** Others need the room: no slot is given more than the car takes where that can be helped. */
  readonly isSparing: boolean;
  /** Times that it may still start. */
  readonly startsLeft: number;
  readonly onBefore: boolean;
  /** Least number of slots in each state. */
  readonly minStateSlots: number;
  /** First slots in which the state before them still has to be held. */
  readonly heldSlots: number;
}

const ROUNDING_KW = 1e-9;
/** What the optimum may leave by rounding to whole quanta. */
const ENOUGH_KW_SLOTS = 1e-6;
/** A car that is to stay on draws at least this, even where it would accept less. */
const MIN_ON_KW = 0.1;

/**
 * The cheapest profile found that a real car can follow: at least `minKw` or off, few starts, each state held long
 * enough. Fills the cheapest slots; where that breaks a rule, chooses the slots by dynamic programming for the price
 * at which just enough of them are worth it. When the energy does not fit, it draws all that it can.
 * @returns kW per slot; the sum may exceed the energy by less than one slot of `minKw`, where the car stops by itself
 */
export function chargeProfile(task: ChargeTask): Float64Array {
  const usable = task.capKw.map((capKw) => (capKw + ROUNDING_KW < task.minKw ? 0 : capKw));
  if (!task.onBefore) releaseHeldSlots(task, usable);
  if (task.optimumKw) {
    const optimum = Float64Array.from(task.optimumKw);
    liftToMinimum(task, usable, optimum);
    const surplus = optimum.reduce((sum, kw) => sum + kw, -task.energyKwSlots);
    // Many slots that are lifted to the least current would overshoot by more than one.
    const fits = surplus > -ENOUGH_KW_SLOTS && surplus < task.minKw + ENOUGH_KW_SLOTS;
    if (fits && followsRules(task, optimum) && optimum.every((kw, t) => kw <= at(usable, t))) return optimum;
  }
  const everySlot = Uint8Array.from(usable, (capKw) => (capKw > 0 ? 1 : 0));
  const cheapest = fill(task, usable, everySlot, false);
  if (followsRules(task, cheapest)) return cheapest;
  return fill(task, usable, chooseSlots(task, usable), true);
}

/** A car that has just stopped stays off for the hold, unless it would then miss its energy. */
function releaseHeldSlots(task: ChargeTask, usable: Float64Array): void {
  let later = -task.energyKwSlots;
  for (let t = task.heldSlots; t < usable.length; t++) later += at(usable, t);
  if (later < -ROUNDING_KW) return;
  for (let t = 0; t < Math.min(task.heldSlots, usable.length); t++) {
    if (at(task.floorKw, t) <= 0) usable[t] = 0;
  }
}

/** Puts the energy into the chosen slots, cheapest first; `everyOneOn` keeps all of them at `minKw` at least. */
function fill(task: ChargeTask, usable: Float64Array, chosen: Uint8Array, everyOneOn: boolean): Float64Array {
  const kw = new Float64Array(usable.length);
  let left = task.energyKwSlots;
  for (let t = 0; t < kw.length; t++) {
    const forced = at(task.floorKw, t) > 0 || (everyOneOn && chosen[t] === 1);
    if (!forced || left <= ROUNDING_KW) continue;
    const leastKw = everyOneOn ? Math.max(task.minKw, Math.min(MIN_ON_KW, left)) : task.minKw;
    const base = Math.min(at(usable, t), Math.max(at(task.floorKw, t), leastKw));
    kw[t] = base;
    left -= base;
  }
  for (const t of byPrice(task.price)) {
    if (left <= ROUNDING_KW) break;
    if (chosen[t] !== 1) continue;
    const more = Math.min(left, at(usable, t) - at(kw, t));
    kw[t] = at(kw, t) + more;
    left -= more;
  }
  liftToMinimum(task, usable, kw);
  return kw;
}

/**
 * Raises slots that are on below `minKw`, and takes the difference from the most expensive slots that can spare it. For
 * the last slot not from cheaper ones where there is room for all power: the car stops by itself there, and may have left
 * before it would have come to it.
 */
function liftToMinimum(task: ChargeTask, usable: Float64Array, kw: Float64Array): void {
  const last = kw.findLastIndex((power) => power > ROUNDING_KW);
  const stopsAt = !task.isSparing && at(usable, last) + ROUNDING_KW >= Math.max(...usable) ? last : -1;
  for (let t = 0; t < kw.length; t++) {
    if (at(kw, t) <= ROUNDING_KW) {
      kw[t] = 0;
      continue;
    }
    let lift = Math.min(task.minKw, at(usable, t)) - at(kw, t);
    if (lift <= 0) continue;
    kw[t] = at(kw, t) + lift;
    for (const s of byPrice(task.price).toReversed()) {
      if (lift <= ROUNDING_KW || (t === stopsAt && at(task.price, s) < at(task.price, t))) break;
      if (s === t) continue;
      const spare = Math.min(lift, at(kw, s) - Math.max(task.minKw, at(task.floorKw, s)));
      if (spare <= 0) continue;
      kw[s] = at(kw, s) - spare;
      lift -= spare;
    }
  }
}

function followsRules(task: ChargeTask, kw: Float64Array): boolean {
  let starts = 0;
  let on = task.onBefore;
  let since = task.minStateSlots - task.heldSlots;
  for (const power of kw) {
    const next = power > 0;
    if (next !== on) {
      if (since < task.minStateSlots) return false;
      if (next) starts++;
      on = next;
      since = 0;
    }
    since++;
  }
  return starts <= task.startsLeft;
}

const PRICE_STEPS = 24;

/** The slots to be on in: the cheapest set within the rules whose power covers the energy, or all when none does. */
function chooseSlots(task: ChargeTask, usable: Float64Array): Uint8Array {
  let low = Math.min(...task.price) - 1;
  let high = Math.max(...task.price) + 1;
  const span = high - low;
  let best = bestRuns(task, usable, high + span * usable.length * 8);
  if (!covers(task, usable, best)) return best;
  for (let step = 0; step < PRICE_STEPS; step++) {
    const worth = (low + high) / 2;
    const runs = bestRuns(task, usable, worth);
    if (covers(task, usable, runs)) {
      best = runs;
      high = worth;
    } else {
      low = worth;
    }
  }
  return dropSurplus(task, usable, best);
}

/** Drops the dearest ends of runs that are not needed: each would add `minKw` beyond the energy. */
function dropSurplus(task: ChargeTask, usable: Float64Array, chosen: Uint8Array): Uint8Array {
  const kept = Uint8Array.from(chosen);
  const dearestFirst = byPrice(task.price).toReversed();
  for (;;) {
    const count = kept.reduce((sum, on) => sum + on, 0);
    if (count * Math.max(task.minKw, MIN_ON_KW) <= task.energyKwSlots) return kept;
    const dropped = dearestFirst.find((t) => {
      if (kept[t] !== 1 || at(task.floorKw, t) > 0) return false;
      // A car that is on would have to be started once more.
      if (t === 0 && task.onBefore) return false;
      if (kept[t - 1] === 1 && kept[t + 1] === 1) return false;
      if (runLength(kept, t) <= task.minStateSlots && runLength(kept, t) > 1) return false;
      kept[t] = 0;
      const enough = covers(task, usable, kept);
      kept[t] = 1;
      return enough;
    });
    if (dropped === undefined) return kept;
    kept[dropped] = 0;
  }
}

function runLength(chosen: Uint8Array, slot: number): number {
  let from = slot;
  let until = slot + 1;
  while (chosen[from - 1] === 1) from--;
  while (chosen[until] === 1) until++;
  return until - from;
}

function covers(task: ChargeTask, usable: Float64Array, chosen: Uint8Array): boolean {
  let kwSlots = 0;
  for (let t = 0; t < usable.length; t++) if (chosen[t] === 1) kwSlots += at(usable, t);
  return kwSlots + ROUNDING_KW >= task.energyKwSlots;
}

/**
 * Dynamic program over (slot, starts used, on or off): the runs that gain most when a kWh is worth `worth`. A change
 * of state is held for `minStateSlots`. A slot without power ends a run; one that must be on is worth everything.
 */
function bestRuns(task: ChargeTask, usable: Float64Array, worth: number): Uint8Array {
  const count = usable.length;
  const hold = Math.max(1, task.minStateSlots);
  const maxStarts = Math.min(task.startsLeft, count);
  const width = 2 * (maxStarts + 1);
  const gain = new Float64Array((count + 1) * width).fill(-Infinity);
  const from = new Int32Array((count + 1) * width).fill(-1);
  const gainOn = new Float64Array(count + 1);
  const reachableOn = new Int32Array(count + 1);
  const gainOff = new Float64Array(count + 1);
  for (let t = 0; t < count; t++) {
    const forced = at(task.floorKw, t) > 0;
    const on = at(usable, t) > 0;
    gainOn[t + 1] = at(gainOn, t) + (on ? (worth - at(task.price, t)) * at(usable, t) : 0);
    gainOff[t + 1] = at(gainOff, t) - (forced && on ? 1e9 : 0);
    reachableOn[t + 1] = (reachableOn[t] ?? 0) + (on ? 0 : 1);
  }
  const state = (t: number, starts: number, on: number): number => t * width + starts * 2 + on;
  const relax = (from_: number, to: number, more: number): void => {
    const candidate = at(gain, from_) + more;
    if (candidate > at(gain, to)) {
      gain[to] = candidate;
      from[to] = from_;
    }
  };
  gain[state(0, 0, task.onBefore ? 1 : 0)] = 0;
  const heldOn = task.onBefore ? task.heldSlots : 0;
  for (let t = 0; t < count; t++) {
    const end = Math.min(count, t + hold);
    for (let starts = 0; starts <= maxStarts; starts++) {
      const off = state(t, starts, 0);
      const on = state(t, starts, 1);
      const canStay = at(usable, t) > 0;
      const canHold = (reachableOn[end] ?? 0) === (reachableOn[t] ?? 0);
      if (at(gain, off) > -Infinity) {
        relax(off, state(t + 1, starts, 0), at(gainOff, t + 1) - at(gainOff, t));
        if (canHold && starts < maxStarts) {
          relax(off, state(end, starts + 1, 1), at(gainOn, end) - at(gainOn, t));
        }
      }
      if (at(gain, on) > -Infinity) {
        if (canStay) relax(on, state(t + 1, starts, 1), at(gainOn, t + 1) - at(gainOn, t));
        if (t >= heldOn || !canStay) relax(on, state(end, starts, 0), at(gainOff, end) - at(gainOff, t));
      }
    }
  }
  return trace(from, gain, width, count);
}

function trace(from: Int32Array, gain: Float64Array, width: number, count: number): Uint8Array {
  const chosen = new Uint8Array(count);
  let state = count * width;
  for (let s = state; s < state + width; s++) if (at(gain, s) > at(gain, state)) state = s;
  while (state >= width || (from[state] ?? -1) >= 0) {
    const before = from[state] ?? -1;
    if (before < 0) break;
    if (state % 2 === 1) chosen.fill(1, Math.floor(before / width), Math.floor(state / width));
    state = before;
  }
  return chosen;
}

function byPrice(price: Float64Array): number[] {
  return Array.from(price.keys()).sort((a, b) => at(price, a) - at(price, b) || a - b);
}
