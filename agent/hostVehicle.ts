import { readFile } from 'node:fs/promises';
import { HOUR_MS } from '../domain/durations.ts';
import { join } from 'node:path';
import pLimit from 'p-limit';
import type { Logger } from 'pino';
import { z } from 'zod';
import { parseJson } from '../domain/json.ts';
import type { MeterReading } from '../domain/setpoints.ts';
import { writeFileAtomically } from '../inference/atomicFile.ts';
import type { AgentVehicle } from '../car/agent/vehicleAgent.ts';
import type { ReadWatts } from './powerMeter.ts';

const registerSchema = z.object({ computeKwh: z.number().min(0), atMs: z.number().optional() });

export interface HostVehicleOptions extends Pick<AgentVehicle, 'vehicleId' | 'regionId' | 'hardwareClass'> {
  /** What a computer of the class draws at the plug while it computes, kW: where no meter says otherwise. */
  readonly modelledKw: number;
  readonly readWatts: ReadWatts | undefined;
  readonly overheadWatts: number;
  readonly folder: string;
  readonly gridNowMs: () => number;
  readonly log: Logger;
}

/** The computer that the agent runs on, as its car: what it draws, and a register of that which survives restarts. */
export class HostVehicle implements AgentVehicle {
  readonly vehicleId: string;
  readonly regionId: string;
  readonly hardwareClass: string;
  readonly #options: HostVehicleOptions;
  #measuredWatts: number | undefined;
  #isUnmetered = false;
  #drawnKw = 0;
  #countedToMs: number;
  #computeKwh: number;
  /** One after the other: an older value that is written last would be a register that went down. */
  readonly #saving = pLimit(1);

  /**
   * The register that an earlier process has left, as of when it was stored: told first, what was drawn until a kill is not shared
   * out over the time until the restart.
   */
  readonly keptReading: MeterReading | undefined;

  private constructor(options: HostVehicleOptions, { computeKwh, atMs }: z.infer<typeof registerSchema>) {
    this.#options = options;
    this.keptReading = atMs === undefined ? undefined : { atMs, chargingKwh: 0, computeKwh };
    this.vehicleId = options.vehicleId;
    this.regionId = options.regionId;
    this.hardwareClass = options.hardwareClass;
    this.#computeKwh = computeKwh;
    this.#countedToMs = options.gridNowMs();
  }

  /** Goes on from the register that an earlier process has left: one that went down would look like a tampered meter. */
  static async open(options: HostVehicleOptions): Promise<HostVehicle> {
    const kept = await readFile(join(options.folder, 'register.json'), 'utf8').catch(() => '{}');
    return new HostVehicle(options, registerSchema.safeParse(parseJson(kept)).data ?? { computeKwh: 0 });
  }

  computeKw(): number {
    const { modelledKw, overheadWatts } = this.#options;
    return this.#measuredWatts === undefined ? modelledKw : (this.#measuredWatts + overheadWatts) / 1_000;
  }

  computeDraw(kw: number): void {
    this.#count();
    this.#drawnKw = kw;
  }

  /** Asks the meter. One that fails leaves the class's figure, and says so once. */
  async measure(): Promise<void> {
    const { readWatts, log, modelledKw } = this.#options;
    if (!readWatts) return;
    try {
      this.#measuredWatts = (await readWatts()) ?? this.#measuredWatts;
      this.#isUnmetered = false;
    } catch (error) {
      this.#measuredWatts = undefined;
      if (!this.#isUnmetered)
        log.warn({ err: error, modelledKw }, 'the power meter cannot be read: the class’s figure counts');
      this.#isUnmetered = true;
    }
    if (this.#drawnKw > 0) this.computeDraw(this.computeKw());
  }

  /** The register, stored before it is told. */
  async reading(): Promise<MeterReading> {
    return this.#saving(async () => {
      this.#count();
      const reading = { atMs: Math.round(this.#countedToMs), chargingKwh: 0, computeKwh: this.#computeKwh };
      const register = JSON.stringify({ computeKwh: reading.computeKwh, atMs: reading.atMs });
      await writeFileAtomically(join(this.#options.folder, 'register.json'), register);
      return reading;
    });
  }

  async saveRegister(): Promise<void> {
    await this.reading();
  }

  #count(): void {
    const nowMs = this.#options.gridNowMs();
    this.#computeKwh += (this.#drawnKw * Math.max(0, nowMs - this.#countedToMs)) / HOUR_MS;
    this.#countedToMs = nowMs;
  }
}
