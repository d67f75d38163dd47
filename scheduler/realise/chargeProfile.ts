// Indices come from loops over the task's own slots; this runs for every car, many times.
/* oxlint-disable typescript/no-non-null-assertion */
import { at } from '../columns.ts';
import { cheapestFirst } from '../solve/cheapestFirst.ts';

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
  const usable = Float64Array.from(task.capKw);
  for (let t = 0; t < usable.length; t++) if (usable[t]! + ROUNDING_KW < task.minKw) usable[t] = 0;
  if (!task.onBefore) releaseHeldSlots(task, usable);
  const order = byPrice(task.price);
  if (task.optimumKw) {
    const optimum = Float64Array.from(task.optimumKw);
    liftToMinimum(task, usable, order, optimum);
    let surplus = -task.energyKwSlots;
    let isUsable = true;
    for (let t = 0; t < optimum.length; t++) {
      surplus += optimum[t]!;
      if (optimum[t]! > usable[t]!) isUsable = false;
    }
    // Many slots that are lifted to the least current would overshoot by more than one.
    const fits = surplus > -ENOUGH_KW_SLOTS && surplus < task.minKw + ENOUGH_KW_SLOTS;
    if (fits && isUsable && followsRules(task, optimum)) return optimum;
  }
  const everySlot = Uint8Array.from(usable, (capKw) => (capKw > 0 ? 1 : 0));
  const cheapest = fill(task, usable, order, everySlot, false);
  if (followsRules(task, cheapest)) return cheapest;
  return fill(task, usable, order, chooseSlots(task, usable, order), true);
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
function fill(
  task: ChargeTask,
  usable: Float64Array,
  order: Int32Array,
  chosen: Uint8Array,
  everyOneOn: boolean,
): Float64Array {
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
  for (const t of order) {
    if (left <= ROUNDING_KW) break;
    if (chosen[t] !== 1) continue;
    const more = Math.min(left, at(usable, t) - at(kw, t));
    kw[t] = at(kw, t) + more;
    left -= more;
  }
  liftToMinimum(task, usable, order, kw);
  return kw;
}

/**
 * Raises slots that are on below `minKw`, and takes the difference from the most expensive slots that can spare it. For
 * the last slot not from cheaper ones where there is room for all power: the car stops by itself there, and may have left
 * before it would have come to it.
 */
function liftToMinimum(task: ChargeTask, usable: Float64Array, order: Int32Array, kw: Float64Array): void {
  let last = -1;
  let mostKw = 0;
  for (let t = 0; t < kw.length; t++) {
    if (kw[t]! > ROUNDING_KW) last = t;
    if (usable[t]! > mostKw) mostKw = usable[t]!;
  }
  const stopsAt = !task.isSparing && at(usable, last) + ROUNDING_KW >= mostKw ? last : -1;
  for (let t = 0; t < kw.length; t++) {
    if (kw[t]! <= ROUNDING_KW) {
      kw[t] = 0;
      continue;
    }
    let lift = Math.min(task.minKw, usable[t]!) - kw[t]!;
    if (lift <= 0) continue;
    kw[t] = at(kw, t) + lift;
    for (let rank = order.length - 1; rank >= 0; rank--) {
      const s = at(order, rank);
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
function chooseSlots(task: ChargeTask, usable: Float64Array, order: Int32Array): Uint8Array {
  let low = Math.min(...task.price) - 1;
  let high = Math.max(...task.price) + 1;
  const span = high - low;
  const table = runTable(task, usable);
  let best = bestRuns(task, table, high + span * usable.length * 8);
  if (!covers(task, usable, best)) return best;
  for (let step = 0; step < PRICE_STEPS; step++) {
    const worth = (low + high) / 2;
    const runs = bestRuns(task, table, worth);
    if (covers(task, usable, runs)) {
      best = runs;
      high = worth;
    } else {
      low = worth;
    }
  }
  return dropSurplus(task, usable, order, best);
}

/** Drops the dearest ends of runs that are not needed: each would add `minKw` beyond the energy. */
function dropSurplus(task: ChargeTask, usable: Float64Array, order: Int32Array, chosen: Uint8Array): Uint8Array {
  const kept = Uint8Array.from(chosen);
  const dearestFirst = order.toReversed();
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

/** What the dynamic program of one task knows of its slots, and its table, which each price fills anew. */
interface RunTable {
  readonly usable: Float64Array;
  readonly hold: number;
  readonly maxStarts: number;
  readonly width: number;
  readonly gain: Float64Array;
  readonly from: Int32Array;
  /** Sums up to each slot: what being on gains and being off costs, and slots without power. */
  readonly gainOn: Float64Array;
  readonly gainOff: Float64Array;
  readonly dead: Int32Array;
}

function runTable(task: ChargeTask, usable: Float64Array): RunTable {
  const count = usable.length;
  const maxStarts = Math.min(task.startsLeft, count);
  const width = 2 * (maxStarts + 1);
  const gainOff = new Float64Array(count + 1);
  const dead = new Int32Array(count + 1);
  for (let t = 0; t < count; t++) {
    const on = at(usable, t) > 0;
    gainOff[t + 1] = at(gainOff, t) - (at(task.floorKw, t) > 0 && on ? 1e9 : 0);
    dead[t + 1] = at(dead, t) + (on ? 0 : 1);
  }
  return {
    usable,
    hold: Math.max(1, task.minStateSlots),
    maxStarts,
    width,
    gain: new Float64Array((count + 1) * width),
    from: new Int32Array((count + 1) * width),
    gainOn: new Float64Array(count + 1),
    gainOff,
    dead,
  };
}

/**
 * Dynamic program over (slot, starts used, on or off): the runs that gain most when a kWh is worth `worth`. A change
 * of state is held for `minStateSlots`. A slot without power ends a run; one that must be on is worth everything.
 */
function bestRuns(task: ChargeTask, table: RunTable, worth: number): Uint8Array {
  const { usable, hold, maxStarts, width, gainOn, gainOff, dead } = table;
  const gain = table.gain.fill(-Infinity);
  const from = table.from.fill(-1);
  const count = usable.length;
  for (let t = 0; t < count; t++) {
    const kw = usable[t]!;
    gainOn[t + 1] = gainOn[t]! + (kw > 0 ? (worth - task.price[t]!) * kw : 0);
  }
  const relax = (from_: number, to: number, candidate: number): void => {
    if (candidate > gain[to]!) {
      gain[to] = candidate;
      from[to] = from_;
    }
  };
  gain[task.onBefore ? 1 : 0] = 0;
  const heldOn = task.onBefore ? task.heldSlots : 0;
  for (let t = 0; t < count; t++) {
    const end = Math.min(count, t + hold);
    const canStay = usable[t]! > 0;
    const canHold = dead[end]! <= dead[t]!;
    const stayOff = gainOff[t + 1]! - gainOff[t]!;
    const stayOn = gainOn[t + 1]! - gainOn[t]!;
    const turnOn = gainOn[end]! - gainOn[t]!;
    const turnOff = gainOff[end]! - gainOff[t]!;
    for (let starts = 0; starts <= maxStarts; starts++) {
      const off = t * width + starts * 2;
      const next = (t + 1) * width + starts * 2;
      const held = end * width + starts * 2;
      const gainHere = gain[off]!;
      if (gainHere > -Infinity) {
        relax(off, next, gainHere + stayOff);
        if (canHold && starts < maxStarts) relax(off, held + 3, gainHere + turnOn);
      }
      const gainRunning = gain[off + 1]!;
      if (gainRunning > -Infinity) {
        if (canStay) relax(off + 1, next + 1, gainRunning + stayOn);
        if (t >= heldOn || !canStay) relax(off + 1, held, gainRunning + turnOff);
      }
    }
  }
  return trace(from, gain, width, count);
}

function trace(from: Int32Array, gain: Float64Array, width: number, count: number): Uint8Array {
  const chosen = new Uint8Array(count);
  let state = count * width;
  for (let s = state; s < state + width; s++) if (gain[s]! > gain[state]!) state = s;
  while (from[state]! >= 0) {
    const before = from[state]!;
    if (state % 2 === 1) chosen.fill(1, Math.floor(before / width), Math.floor(state / width));
    state = before;
  }
  return chosen;
}

function byPrice(price: Float64Array): Int32Array {
  const order = new Int32Array(price.length);
  cheapestFirst(price, price.length, order);
  return order;
}
