// Indices come from loops over the block's own columns; a check on each read would double the time of the solver.
/* oxlint-disable typescript/no-non-null-assertion */
import type { Block } from './block.ts';
import type { SoftSums } from './softDemand.ts';

/** Passes over a car's slots until its level fits; from a level near by, two or three do. */
const MAX_PASSES = 60;
const FITS = 1e-12;
/** Of the level itself: what is drawn between two neighbouring levels. */
const ROUNDING = 4e-16;
/** Prices and levels move by so many times the softness until slots are sorted anew, and softness falls by so much. */
const MARGIN = 4;
const MUCH_HARDER = 0.1;

/**
 * A feeder's cars, each with the level of price at which it stops. Of most slots it is clear whether a car draws all or
 * nothing there, and stays so while prices move little: only the others are looked at, until prices have moved too far.
 */
export class SoftCars {
  readonly #block: Block;
  readonly #from: number;
  readonly #until: number;
  readonly #firstHub: number;
  readonly #unservedCost: number;
  readonly #level: Float64Array;
  /** Where the level was when the car's slots were sorted; NaN before. */
  readonly #center: Float64Array;
  /** Slots that are looked at, by their number in the car's window. */
  readonly #near: Uint16Array;
  readonly #nearCount: Uint16Array;
  readonly #isOn: Uint8Array;
  readonly #onQuanta: Float64Array;
  /** What is drawn for certain, by slot, and what it costs without limits' rents. */
  readonly #onLoad: Float64Array;
  #onCost = 0;
  readonly #reference: Float64Array;
  #margin = 0;
  #sortedSoftness = 0;
  #moved = 0;
  readonly #slots: number;
  readonly #price: Float64Array;
  readonly #capacity: Float64Array;
  /** Neighbouring slots in which the car draws a part of the same power. */
  readonly #runStart: Int32Array;
  readonly #runEnd: Int32Array;
  readonly #runCapacity: Float64Array;

  /** @param unservedCost EUR per kWh that is left out, far above prices and yet of their size */
  constructor(
    block: Block,
    range: { readonly from: number; readonly until: number; readonly firstHub: number },
    unservedCost: number,
    slots: number,
  ) {
    const { from, until } = range;
    this.#block = block;
    this.#from = from;
    this.#until = until;
    this.#firstHub = range.firstHub;
    this.#unservedCost = unservedCost;
    const cells = block.cellStart[until]! - block.cellStart[from]!;
    this.#level = Float64Array.from(
      { length: until - from },
      (_, own) => block.cellCost[block.cellStart[from + own]!]!,
    );
    this.#center = new Float64Array(until - from).fill(NaN);
    this.#near = new Uint16Array(cells);
    this.#nearCount = new Uint16Array(until - from);
    this.#isOn = new Uint8Array(cells);
    this.#onQuanta = new Float64Array(until - from);
    this.#onLoad = new Float64Array(slots);
    this.#reference = new Float64Array(slots);
    this.#slots = slots;
    this.#price = new Float64Array(slots);
    this.#capacity = new Float64Array(slots);
    this.#runStart = new Int32Array(slots);
    this.#runEnd = new Int32Array(slots);
    this.#runCapacity = new Float64Array(slots);
  }

  /**
   * @param hubPrice EUR per kWh by slot
   */
  add(hubPrice: Float64Array, softness: number, sums: SoftSums): void {
    this.#prepare(hubPrice, softness);
    const { cellStart, firstHub: hubOf, need } = this.#block;
    const slots = this.#slots;
    const [price, capacity] = [this.#price, this.#capacity];
    const { load } = sums;
    let value = 0;
    for (let car = this.#from; car < this.#until; car++) {
      const wanted = need[car]!;
      if (wanted <= 0) continue;
      const own = car - this.#from;
      const slot = hubOf[car]! - this.#firstHub;
      const level = this.#settle(car, hubPrice, softness);
      const start = cellStart[car]! - cellStart[this.#from]!;
      const count = this.#nearCount[own]!;
      let steep = 0;
      let runs = 0;
      let [runEnd, runCapacity] = [-1, 0];
      for (let n = 0; n < count; n++) {
        const above = level - price[n]!;
        if (above <= 0) continue;
        const at = slot + this.#near[start + n]!;
        const most = capacity[n]!;
        if (above >= softness) {
          load[at]! += most;
          value += most * (price[n]! + 0.5 * softness);
          continue;
        }
        const drawn = (most * above) / softness;
        load[at]! += drawn;
        value += drawn * (price[n]! + 0.5 * above);
        steep += most;
        if (at === runEnd && most === runCapacity) {
          this.#runEnd[runs - 1] = ++runEnd;
          continue;
        }
        [runEnd, runCapacity] = [at + 1, most];
        this.#runStart[runs] = at;
        this.#runEnd[runs] = runEnd;
        this.#runCapacity[runs++] = most;
      }
      const beyond = Math.min(softness, level - this.#unservedCost);
      if (beyond > 0) {
        value += ((wanted * beyond) / softness) * (this.#unservedCost + 0.5 * beyond);
        if (beyond < softness) steep += wanted;
      }
      this.#addSlope(runs, steep, 1 / softness, sums);
    }
    let certain = this.#onCost;
    for (let t = 0; t < slots; t++) {
      load[t]! += this.#onLoad[t]!;
      certain += this.#onLoad[t]! * (hubPrice[t]! + 0.5 * softness);
    }
    sums.value += value + certain;
  }

  /**
   * What a car draws in a slot falls with that slot's price and rises with those of the others: the same for all slots
   * of two runs, so that the corners of a rectangle say it.
   */
  #addSlope(runs: number, steep: number, each: number, { slope, corners }: SoftSums): void {
    const [runStart, runEnd, runCapacity] = [this.#runStart, this.#runEnd, this.#runCapacity];
    const width = this.#slots + 1;
    for (let a = 0; a < runs; a++) {
      const capacity = runCapacity[a]! * each;
      const [top, bottom] = [runStart[a]! * width, runEnd[a]! * width];
      for (let t = runStart[a]!; t < runEnd[a]!; t++) slope[t * this.#slots + t]! += capacity;
      const share = capacity / steep;
      for (let b = 0; b <= a; b++) {
        const less = share * runCapacity[b]!;
        corners[top + runStart[b]!]! -= less;
        corners[top + runEnd[b]!]! += less;
        corners[bottom + runStart[b]!]! += less;
        corners[bottom + runEnd[b]!]! -= less;
      }
    }
  }

  /** Forgets what is certain when prices have moved too far, or so little now that less would be looked at. */
  #prepare(hubPrice: Float64Array, softness: number): void {
    const reference = this.#reference;
    let moved = 0;
    for (let t = 0; t < hubPrice.length; t++) moved = Math.max(moved, Math.abs(hubPrice[t]! - reference[t]!));
    const isKept =
      moved <= this.#margin / 2 && softness <= this.#sortedSoftness && softness >= MUCH_HARDER * this.#sortedSoftness;
    this.#moved = moved;
    if (isKept) return;
    this.#moved = 0;
    this.#margin = MARGIN * softness;
    this.#sortedSoftness = softness;
    reference.set(hubPrice);
    this.#center.fill(NaN);
    this.#isOn.fill(0);
    this.#onLoad.fill(0);
    this.#onCost = 0;
  }

  /** The car's level; prices and capacities of its near slots are laid out for it. */
  #settle(car: number, hubPrice: Float64Array, softness: number): number {
    const own = car - this.#from;
    const center = this.#center[own]!;
    if (center === center) {
      this.#layOut(car, hubPrice);
      const left = this.#block.need[car]! - this.#onQuanta[own]!;
      const level = this.#fit(car, this.#nearCount[own]!, left, softness);
      // What is not looked at is as it was only as long as the level is near.
      if (Math.abs(level - center) + this.#moved <= this.#margin) return level;
    }
    const { cellStart, cellCost, cellCapacity, firstHub } = this.#block;
    const first = cellStart[car]!;
    const count = cellStart[car + 1]! - first;
    const slot = firstHub[car]! - this.#firstHub;
    for (let k = 0; k < count; k++) {
      this.#price[k] = cellCost[first + k]! + hubPrice[slot + k]!;
      this.#capacity[k] = cellCapacity[first + k]!;
    }
    const level = this.#fit(car, count, this.#block.need[car]!, softness);
    this.#sort(car, level);
    this.#layOut(car, hubPrice);
    return level;
  }

  #layOut(car: number, hubPrice: Float64Array): void {
    const { cellStart, cellCost, cellCapacity, firstHub } = this.#block;
    const first = cellStart[car]!;
    const start = first - cellStart[this.#from]!;
    const slot = firstHub[car]! - this.#firstHub;
    const count = this.#nearCount[car - this.#from]!;
    for (let n = 0; n < count; n++) {
      const k = this.#near[start + n]!;
      this.#price[n] = cellCost[first + k]! + hubPrice[slot + k]!;
      this.#capacity[n] = cellCapacity[first + k]!;
    }
  }

  /** Tells slots in which the car draws all or nothing for certain from those near its level. */
  #sort(car: number, level: number): void {
    const { cellStart, cellCost, cellCapacity, firstHub } = this.#block;
    const own = car - this.#from;
    const first = cellStart[car]!;
    const start = first - cellStart[this.#from]!;
    const slot = firstHub[car]! - this.#firstHub;
    const count = cellStart[car + 1]! - first;
    const margin = this.#margin;
    const surely = this.#sortedSoftness + margin;
    let near = 0;
    let onQuanta = 0;
    for (let k = 0; k < count; k++) {
      const capacity = cellCapacity[first + k]!;
      const above = level - cellCost[first + k]! - this.#reference[slot + k]!;
      const isOn = above >= surely ? 1 : 0;
      if (isOn !== this.#isOn[start + k]!) {
        const sign = isOn - this.#isOn[start + k]!;
        this.#isOn[start + k] = isOn;
        this.#onLoad[slot + k]! += sign * capacity;
        this.#onCost += sign * capacity * cellCost[first + k]!;
      }
      if (isOn) onQuanta += capacity;
      else if (above > -margin && capacity > 0) this.#near[start + near++] = k;
    }
    this.#center[own] = level;
    this.#onQuanta[own] = onQuanta;
    this.#nearCount[own] = near;
  }

  /**
   * The level up to which the car draws what is wanted of the slots that are laid out: Newton on a rising line of pieces,
   * kept in a bracket.
   */
  #fit(car: number, count: number, wantedHere: number, softness: number): number {
    const [price, capacity] = [this.#price, this.#capacity];
    const wanted = this.#block.need[car]!;
    const unservedCost = this.#unservedCost;
    let level = this.#level[car - this.#from]!;
    let [low, high] = [-Infinity, Infinity];
    for (let pass = 0; pass < MAX_PASSES; pass++) {
      let left = wantedHere;
      let slope = 0;
      for (let k = 0; k < count; k++) {
        const above = level - price[k]!;
        if (above <= 0) continue;
        if (above < softness) {
          left -= (capacity[k]! * above) / softness;
          slope += capacity[k]!;
        } else left -= capacity[k]!;
      }
      const beyond = Math.min(softness, level - unservedCost);
      if (beyond > 0) {
        left -= (wanted * beyond) / softness;
        if (beyond < softness) slope += wanted;
      }
      if (Math.abs(left) <= FITS * wanted + (ROUNDING * slope * Math.abs(level)) / softness) break;
      if (left > 0) low = level;
      else high = level;
      level = slope > 0 ? level + (left * softness) / slope : this.#next(level, count, left, softness);
      if (level <= low || level >= high) level = (low + high) / 2;
      if (level === low || level === high) break;
    }
    this.#level[car - this.#from] = level;
    return level;
  }

  /** Where nothing changes around the level: into the next slot above that would be drawn, or the last below that is. */
  #next(level: number, count: number, left: number, softness: number): number {
    const price = this.#price;
    let next = left > 0 ? this.#unservedCost : -Infinity;
    for (let k = 0; k < count; k++) {
      if (this.#capacity[k]! <= 0) continue;
      if (left > 0) {
        if (price[k]! >= level && price[k]! < next) next = price[k]!;
      } else if (price[k]! + softness <= level && price[k]! > next) next = price[k]!;
    }
    if (left < 0 && level >= this.#unservedCost + softness) next = Math.max(next, this.#unservedCost);
    return next === -Infinity ? level - softness : next + softness / 2;
  }
}
