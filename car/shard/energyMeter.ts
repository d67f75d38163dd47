import { HOUR_MS } from '../../domain/durations.ts';

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
  readonly #onSwitch: (on: boolean) => void;
  #energyWh = 0;
  #deviceMs = 0;
  #onSinceMs: number | undefined;
  #taken: EnergyRegister = { energyWh: 0, deviceMs: 0 };

  /**
   * @param computeKw is the power at the plug while computing: chip, cooling and the load of an awake car
   * @param onSwitch hears each time that the device starts or stops
   */
  constructor(computeKw: () => number, gridNowMs: () => number, onSwitch: (on: boolean) => void = () => {}) {
    this.#computeKw = computeKw;
    this.#gridNowMs = gridNowMs;
    this.#onSwitch = onSwitch;
  }

  switchOn(): void {
    if (this.#onSinceMs !== undefined) return;
    this.#onSinceMs = this.#gridNowMs();
    this.#onSwitch(true);
  }

  switchOff(): void {
    if (this.#onSinceMs === undefined) return;
    this.read();
    this.#onSinceMs = undefined;
    this.#onSwitch(false);
  }

  read(): EnergyRegister {
    if (this.#onSinceMs !== undefined) {
      const nowMs = this.#gridNowMs();
      const elapsedMs = Math.max(0, nowMs - this.#onSinceMs);
      this.#deviceMs += elapsedMs;
      this.#energyWh += (this.#computeKw() * 1_000 * elapsedMs) / HOUR_MS;
      this.#onSinceMs = nowMs;
    }
    return { energyWh: this.#energyWh, deviceMs: this.#deviceMs };
  }

  /**
   * What was counted since it was last taken. A car for which the server began a shard again may for a while have two attempts on
   * one device: what one of them claims, the other cannot.
   */
  take(): EnergyRegister {
    const [now, before] = [this.read(), this.#taken];
    this.#taken = now;
    return { energyWh: now.energyWh - before.energyWh, deviceMs: now.deviceMs - before.deviceMs };
  }
}
