const MS_PER_HOUR = 3_600_000;

/** Cumulative registers; they only rise. */
export interface EnergyRegister {
  readonly energyWh: number;
  /** Grid time that the device has computed. */
  readonly deviceMs: number;
}

/** Meters the energy at the plug while the device computes. Times are grid time. */
export class EnergyMeter {
  readonly #computeKw: () => number;
  readonly #gridNowMs: () => number;
  #energyWh = 0;
  #deviceMs = 0;
  #onSinceMs: number | undefined;

  /** `computeKw` is the power at the plug while computing: chip, cooling and the load of an awake car. */
  constructor(computeKw: () => number, gridNowMs: () => number) {
    this.#computeKw = computeKw;
    this.#gridNowMs = gridNowMs;
  }

  switchOn(): void {
    this.#onSinceMs ??= this.#gridNowMs();
  }

  switchOff(): void {
    this.read();
    this.#onSinceMs = undefined;
  }

  read(): EnergyRegister {
    if (this.#onSinceMs !== undefined) {
      const nowMs = this.#gridNowMs();
      const elapsedMs = Math.max(0, nowMs - this.#onSinceMs);
      this.#deviceMs += elapsedMs;
      this.#energyWh += (this.#computeKw() * 1_000 * elapsedMs) / MS_PER_HOUR;
      this.#onSinceMs = nowMs;
    }
    return { energyWh: this.#energyWh, deviceMs: this.#deviceMs };
  }
}
