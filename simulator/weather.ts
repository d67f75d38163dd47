/** Ambient temperature over the half-open grid time [startMs, endMs). */
export interface TemperatureSpan {
  readonly startMs: number;
  readonly endMs: number;
  readonly celsius: number;
}

/** The weather of one region, as its temperature feed tells it. Outside the known spans the nearest one holds. */
export class Weather {
  readonly #spans: readonly TemperatureSpan[];

  /** @param spans in ascending order, without overlaps, at least one. */
  constructor(spans: readonly TemperatureSpan[]) {
    if (spans.length === 0) throw new RangeError('weather needs at least one temperature span');
    this.#spans = spans;
  }

  ambientC(atMs: number): number {
    return (this.#spans[this.#indexAt(atMs)] ?? this.#spans[0])?.celsius ?? 0;
  }

  /** When the temperature next changes; Infinity when nothing later is known. */
  nextChangeMs(atMs: number): number {
    return this.#spans[this.#indexAt(atMs) + 1]?.startMs ?? Infinity;
  }

  /** Index of the last span that has begun, or -1 before the first. */
  #indexAt(atMs: number): number {
    let low = 0;
    let high = this.#spans.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#spans[middle]?.startMs ?? Infinity) <= atMs) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
