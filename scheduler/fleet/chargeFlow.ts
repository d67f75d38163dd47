// Indices come from loops over the solver's own columns; a check on each read would double the time.
/* oxlint-disable typescript/no-non-null-assertion */
import type { CarColumns } from '../compile.ts';

export interface ChargeFlow {
  /** kW by car and slot; car i in slot t is at `offset[i] + t - from[i]`. */
  readonly chargeKw: Float64Array;
  /** EUR per kWh by slot: what one more kW in the slot would save. */
  readonly rentEurPerKwh: Float64Array;
}

const MAX_QUANTA = 2 ** 52;
const MAX_QUANTA_PER_KW = 2 ** 30;

/**
 * Cheapest-slot-first maximum flow for charging under one limit per slot: what solve/flowNetwork.ts does in general,
 * without writing the network out. Sets of slots are bit masks, so a search passes over a car in one step, and ends as
 * soon as the cars seen so far can reach every slot that is left.
 * @param offset first cell of each car; windows are [from, chargeUntil)
 * @param capKw limit by slot
 * @param price EUR per kWh by slot
 * @param unservedPrice EUR per kWh of energy that is left out
 */
export function chargeFlow(
  cars: CarColumns,
  offset: Float64Array,
  capKw: Float64Array,
  price: Float64Array,
  unservedPrice: number,
): ChargeFlow {
  const slots = capKw.length;
  const words = Math.ceil(slots / 32);
  const quantaPerKw = quantaFor(cars);
  const order = byLaxity(cars);
  const need = cars.energyKwSlots.map((energy) => Math.round(energy * quantaPerKw));
  const most = cars.maxKw.map((kw) => Math.round(kw * quantaPerKw));
  const sent = new Float64Array(offset[cars.count]!);
  /** Slots in which a car charges, and in which it could charge more. */
  const used = new Int32Array(cars.count * words);
  const open = new Int32Array(cars.count * words);
  const [start, carsOf] = carsBySlot(cars, order, slots);
  for (const car of order) {
    for (let t = cars.from[car]!; t < cars.chargeUntil[car]!; t++) open[car * words + (t >> 5)]! |= 1 << (t & 31);
  }
  const cursor = new Int32Array(slots);
  const levelOf = new Int32Array(slots);
  const levels: Int32Array[] = [];
  const dead = new Int32Array(words);
  const visited = new Int32Array(words);
  let needLeft = need.reduce((sum, value) => sum + value, 0);
  let deepest = 0;

  const move = (car: number, slot: number, amount: number): void => {
    const cell = offset[car]! + slot - cars.from[car]!;
    sent[cell]! += amount;
    const word = car * words + (slot >> 5);
    const bit = 1 << (slot & 31);
    if (sent[cell]! > 0) used[word]! |= bit;
    else used[word]! &= ~bit;
    if (sent[cell]! < most[car]!) open[word]! |= bit;
    else open[word]! &= ~bit;
  };

  /** Brings up to `want` into the slot: from cars with need, or by moving others on from slots one level deeper. */
  const pull = (slot: number, want: number): number => {
    let got = 0;
    for (; cursor[slot]! < start[slot + 1]!; cursor[slot]!++) {
      const car = carsOf[cursor[slot]!]!;
      if ((open[car * words + (slot >> 5)]! & (1 << (slot & 31))) === 0) continue;
      const cell = offset[car]! + slot - cars.from[car]!;
      if (need[car]! > 0) {
        const amount = Math.min(need[car]!, most[car]! - sent[cell]!, want - got);
        need[car]! -= amount;
        needLeft -= amount;
        move(car, slot, amount);
        got += amount;
        if (got === want) return got;
      }
      const next = levels[levelOf[slot]! + 1];
      if (levelOf[slot]! >= deepest || next === undefined) continue;
      for (let word = 0; word < words; word++) {
        let from = used[car * words + word]! & next[word]!;
        while (from !== 0 && sent[cell]! < most[car]!) {
          const bit = from & -from;
          from ^= bit;
          const other = word * 32 + 31 - Math.clz32(bit);
          const cellOther = offset[car]! + other - cars.from[car]!;
          const asked = Math.min(want - got, most[car]! - sent[cell]!, sent[cellOther]!);
          const amount = pull(other, asked);
          // A slot that gives less than asked has nothing more to give in this search.
          if (amount < asked) next[word]! &= ~bit;
          if (amount === 0) continue;
          move(car, other, -amount);
          move(car, slot, amount);
          got += amount;
          if (got === want) return got;
        }
      }
    }
    return got;
  };

  /** Levels of slots from which load can be moved towards the target, up to the first that a car with need reaches. */
  const search = (target: number): boolean => {
    visited.fill(0);
    visited[target >> 5]! |= 1 << (target & 31);
    levels.length = 0;
    levels.push(Int32Array.from(visited));
    levelOf[target] = 0;
    for (let level = 0; ; level++) {
      const reached = new Int32Array(words);
      let found = false;
      for (let slot = 0; slot < slots && !found; slot++) {
        const bit = 1 << (slot & 31);
        if ((levels[level]![slot >> 5]! & bit) === 0) continue;
        cursor[slot] = start[slot]!;
        for (let k = start[slot]!; k < start[slot + 1]!; k++) {
          const car = carsOf[k]!;
          if ((open[car * words + (slot >> 5)]! & bit) === 0) continue;
          if (need[car]! > 0) {
            found = true;
            break;
          }
          for (let word = 0; word < words; word++) reached[word]! |= used[car * words + word]!;
        }
      }
      if (found) {
        for (let slot = 0; slot < slots; slot++) {
          if ((levels[level]![slot >> 5]! & (1 << (slot & 31))) !== 0) cursor[slot] = start[slot]!;
        }
        deepest = level;
        return true;
      }
      let any = 0;
      for (let word = 0; word < words; word++) {
        reached[word]! &= ~visited[word]! & ~dead[word]!;
        visited[word]! |= reached[word]!;
        any |= reached[word]!;
      }
      if (any === 0) return false;
      levels.push(reached);
      for (let slot = 0; slot < slots; slot++) {
        if ((reached[slot >> 5]! & (1 << (slot & 31))) !== 0) levelOf[slot] = level + 1;
      }
    }
  };

  const slotFlow = new Float64Array(slots);
  const rising = Array.from({ length: slots }, (_, slot) => slot).sort((a, b) => price[a]! - price[b]! || a - b);
  for (const target of rising) {
    if (needLeft <= 0) break;
    let room = Math.floor(capKw[target]! * quantaPerKw);
    while (room > 0) {
      if (!search(target)) {
        // No car with need can reach these slots, now or later.
        for (let word = 0; word < words; word++) dead[word]! |= visited[word]!;
        break;
      }
      const got = pull(target, room);
      room -= got;
      slotFlow[target]! += got;
    }
  }
  const marginal = marginalPrices(cars, { start, carsOf, used, open, words }, need, slotFlow, price, unservedPrice);
  return {
    chargeKw: sent.map((quanta) => quanta / quantaPerKw),
    rentEurPerKwh: marginal.map((value, slot) => Math.max(0, value - price[slot]!)),
  };
}

interface SlotGraph {
  readonly start: Int32Array;
  readonly carsOf: Int32Array;
  readonly used: Int32Array;
  readonly open: Int32Array;
  readonly words: number;
}

/** By slot, the highest price of a used slot, or of unserved energy, whose load could be moved there. */
function marginalPrices(
  cars: CarColumns,
  { start, carsOf, used, open, words }: SlotGraph,
  need: Float64Array,
  slotFlow: Float64Array,
  price: Float64Array,
  unservedPrice: number,
): Float64Array {
  const slots = price.length;
  const marginal = new Float64Array(slots).fill(-Infinity);
  const done = new Int32Array(words);
  const spread = (reached: Int32Array, value: number): void => {
    const queue: number[] = [];
    const take = (): void => {
      for (let slot = 0; slot < slots; slot++) {
        const bit = 1 << (slot & 31);
        if ((reached[slot >> 5]! & ~done[slot >> 5]! & bit) === 0) continue;
        done[slot >> 5]! |= bit;
        marginal[slot] = value;
        queue.push(slot);
      }
    };
    take();
    for (let slot = queue.pop(); slot !== undefined; slot = queue.pop()) {
      for (let k = start[slot]!; k < start[slot + 1]!; k++) {
        const car = carsOf[k]!;
        if ((used[car * words + (slot >> 5)]! & (1 << (slot & 31))) === 0) continue;
        for (let word = 0; word < words; word++) reached[word]! |= open[car * words + word]!;
      }
      take();
    }
  };
  const unserved = new Int32Array(words);
  for (let car = 0; car < cars.count; car++) {
    if (need[car]! <= 0) continue;
    for (let word = 0; word < words; word++) unserved[word]! |= open[car * words + word]!;
  }
  spread(unserved, unservedPrice);
  const falling = Array.from({ length: slots }, (_, slot) => slot).sort((a, b) => price[b]! - price[a]!);
  for (const slot of falling) {
    if (slotFlow[slot]! <= 0) continue;
    const reached = new Int32Array(words);
    reached[slot >> 5]! |= 1 << (slot & 31);
    spread(reached, price[slot]!);
  }
  return marginal;
}

function quantaFor(cars: CarColumns): number {
  const kwSlots = cars.energyKwSlots.reduce((sum, energy) => sum + energy, 1);
  return Math.min(MAX_QUANTA_PER_KW, 2 ** Math.floor(Math.log2(MAX_QUANTA / kwSlots)));
}

/** Slots that a car has beyond those that charging takes. */
export function laxityOf(cars: CarColumns): Float64Array {
  const laxity = new Float64Array(cars.count);
  for (let car = 0; car < cars.count; car++) {
    laxity[car] = cars.chargeUntil[car]! - cars.from[car]! - cars.energyKwSlots[car]! / cars.maxKw[car]!;
  }
  return laxity;
}

/** Cars that need energy, those with the least room to move first. */
function byLaxity(cars: CarColumns): Int32Array {
  const laxity = laxityOf(cars);
  const order = new Int32Array(cars.count);
  let count = 0;
  for (let car = 0; car < cars.count; car++) if (cars.energyKwSlots[car]! > 0) order[count++] = car;
  return order.subarray(0, count).sort((a, b) => laxity[a]! - laxity[b]! || a - b);
}

/** Cars that are plugged in, by slot, in the given order. */
function carsBySlot(cars: CarColumns, order: Int32Array, slots: number): [Int32Array, Int32Array] {
  const start = new Int32Array(slots + 1);
  for (const car of order) for (let t = cars.from[car]!; t < cars.chargeUntil[car]!; t++) start[t + 1]!++;
  for (let t = 0; t < slots; t++) start[t + 1]! += start[t]!;
  const next = start.slice(0, slots);
  const carsOf = new Int32Array(start[slots]!);
  for (const car of order) for (let t = cars.from[car]!; t < cars.chargeUntil[car]!; t++) carsOf[next[t]!++] = car;
  return [start, carsOf];
}
