import pLimit from 'p-limit';
import type { Logger } from 'pino';
import { z } from 'zod';
import { gridTimeMs, type Clock } from '../../domain/clock.ts';
import { HOUR_MS, MINUTE_MS } from '../../domain/durations.ts';
import { computeReadingSchema, type MeterReading } from '../../domain/setpoints.ts';
import { judgeWish, type SentWish } from '../chargeControl.ts';
import {
  chargingSchedule,
  FAIL_SAFE_AMPS,
  kwOf,
  limitAt,
  type ChargingSchedule,
  type Supply,
} from '../chargingSchedule.ts';
import { CarOrders } from '../carOrders.ts';
import { countPlug, NEW_PLUG_METER, plugMeterSchema } from '../plugMeter.ts';
import { parseJson } from '../../domain/json.ts';
import { chargeOrders, NOTHING_TOLD, toldSchema, type Wanted } from './chargeOrders.ts';
import { afterRegister, NEW_REGISTER, registerSchema } from './energyRegister.ts';
import type { FleetApi } from './fleetApi.ts';
import { keptRequestsSchema, NO_ACCESS_REAL_MS, PaidRequests } from './paidRequests.ts';
import { isTelemetryCurrent, telemetryConfig, whySkipped, type TelemetryServer } from './telemetryConfig.ts';

/** What of a car is kept, so that another process goes on where this one was. */
export const keptCarSchema = keptRequestsSchema.extend({
  told: toldSchema.default(NOTHING_TOLD),
  register: registerSchema.default(NEW_REGISTER),
  meter: plugMeterSchema.default(NEW_PLUG_METER),
  /** Real time at which its telemetry configuration was last found to be right; null: never. */
  telemetryRightRealMs: z.number().nullable().default(null),
});
export type KeptCar = z.infer<typeof keptCarSchema>;

export interface CarCommanderOptions {
  readonly vin: string;
  readonly supply: Supply;
  readonly clock: Clock;
  readonly maxUsdPerMonth: number;
  /** Null: its telemetry is configured by somebody else. */
  readonly telemetry: TelemetryServer | null;
}

/** The stay of a car that is at its plug here. */
export interface PresentStay {
  readonly stay: number;
  readonly targetSocPercent: number;
}

export interface CarCommanderPorts {
  readonly api: Pick<FleetApi, 'ask'>;
  /** Undefined: it is not at a plug of ours, so that nothing is asked of it. */
  readonly stay: () => Promise<PresentStay | undefined>;
  readonly save: (kept: KeptCar) => Promise<void>;
  readonly publishMeter: (reading: MeterReading) => void;
  /** What people have to know, once. */
  readonly tell: (message: string) => void;
  /** Real time, epoch ms. */
  readonly now: () => number;
  readonly log: Logger;
}

const TELEMETRY_EVERY_REAL_MS = 24 * HOUR_MS;
const LOOK_AGAIN_REAL_MS = MINUTE_MS;
/** A car that was woken is up within a minute. */
const WAKES_WITHIN_REAL_MS = MINUTE_MS;

/**
 * One car that is told by commands of the Fleet API: its setpoints and shed orders become commands, each paid for and so
 * given once, confirmed by telemetry; what its telemetry says of energy becomes its meter.
 */
export class CarCommander {
  readonly #options: CarCommanderOptions;
  readonly #ports: CarCommanderPorts;
  /** One thing at a time, in order: a stop must not be overtaken by a start. */
  readonly #oneAtATime = pLimit(1);
  readonly #orders: CarOrders;
  readonly #requests: PaidRequests;
  #kept: KeptCar;
  #agentKwh: number | null = null;
  #sent: SentWish | undefined;
  #powerKw: { readonly value: number; readonly atMs: number } | undefined;
  #isFull = false;
  #lastWantedAmps: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: CarCommanderOptions, ports: CarCommanderPorts, kept: KeptCar) {
    this.#options = options;
    this.#ports = ports;
    this.#kept = kept;
    this.#orders = new CarOrders(options.vin, ports.log);
    this.#requests = new PaidRequests(options.vin, options.maxUsdPerMonth, {
      ...ports,
      kept: () => this.#kept,
      keep: (news) => this.#keep(news),
    });
  }

  receiveSetpoints(payload: string): Promise<void> {
    this.#orders.receiveSetpoints(payload);
    return this.tick();
  }

  receiveShed(payload: string): Promise<void> {
    this.#orders.receiveShed(payload);
    return this.tick();
  }

  /** The agent's own meter: it counts on also while the car charges nothing and says no energy. */
  receiveCompute(payload: string): Promise<void> {
    const reading = computeReadingSchema.safeParse(parseJson(payload)).data;
    if (!reading) return Promise.resolve();
    this.#agentKwh = reading.computeKwh;
    return this.#oneAtATime(() => this.#count(this.#kept.register));
  }

  /** The planner has a use for it: it is asked to wake up. */
  receiveWake(): Promise<void> {
    return this.#oneAtATime(() => this.#wake('planned to compute'));
  }

  /** It is there: what it was too sleepy for is told now. */
  async receiveOnline(): Promise<void> {
    // After the wake-up that it answers, which would else be waited for.
    await this.#oneAtATime(() => this.#requests.release('orders'));
    await this.tick();
  }

  /** As telemetry says it, typed or not, in quotes or not. */
  receiveChargeState(payload: string): void {
    this.#isFull = /Complete"?$/.test(payload);
  }

  /** kW that it says to draw. A retained message says nothing of now. */
  receivePower(powerKw: number, retained: boolean): Promise<void> {
    if (retained) return Promise.resolve();
    this.#powerKw = { value: powerKw, atMs: this.#ports.now() };
    return this.tick();
  }

  /** kWh of its charging session, which begins at 0 with each. */
  receiveEnergy(kwh: number): Promise<void> {
    return this.#oneAtATime(() => {
      const { supply } = this.#options;
      const maxKw = kwOf(supply.maxAmps, supply);
      return this.#count(afterRegister(this.#kept.register, kwh, this.#ports.now(), maxKw));
    });
  }

  async #count(register: KeptCar['register']): Promise<void> {
    const isHere = (await this.#ports.stay()) !== undefined;
    const { metersCompute } = this.#options.supply;
    // What it charges elsewhere is counted past, so that it is never booked to a stay here.
    const meter = isHere
      ? countPlug(this.#kept.meter, register.totalKwh, this.#agentKwh, metersCompute)
      : { ...this.#kept.meter, plugKwh: register.totalKwh };
    await this.#keep({ register, meter });
    if (isHere) this.#publishMeter();
  }

  #publishMeter(): void {
    const { chargingKwh, computeKwh } = this.#kept.meter;
    const atMs = Math.round(gridTimeMs(this.#options.clock, this.#ports.now()));
    this.#ports.publishMeter({ atMs, chargingKwh, computeKwh });
  }

  /** Gives the orders that are due, asks after its telemetry, and looks whether it does what it was told. */
  tick(): Promise<void> {
    return this.#oneAtATime(async () => {
      if (this.#closed) return;
      const stay = await this.#ports.stay();
      if (stay) await this.#follow(stay);
      await this.#keepTelemetry();
      this.#lookAgain();
    });
  }

  /** Ends what is under way and gives no further order. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#oneAtATime(async () => {});
  }

  /** When the plan changes or what is held may be tried again, and every minute. */
  #lookAgain(): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    const nowRealMs = this.#ports.now();
    const changes = this.#schedule()?.periods.map(({ startRealMs }) => startRealMs) ?? [];
    const times = [...changes, this.#requests.heldUntilRealMs('orders')].filter((at) => at > nowRealMs);
    const next = Math.min(nowRealMs + LOOK_AGAIN_REAL_MS, ...times);
    this.#timer = setTimeout(() => {
      this.tick().catch((error: unknown) =>
        this.#ports.log.warn({ err: error, vin: this.#options.vin }, 'will try again'),
      );
    }, next - nowRealMs);
    this.#timer.unref();
  }

  async #follow({ stay, targetSocPercent }: PresentStay): Promise<void> {
    if (this.#kept.told.stay !== stay) {
      await this.#keep({ told: { ...NOTHING_TOLD, stay } });
      // Where the meter stands as the stay begins: what is counted from now on is counted from there.
      this.#publishMeter();
    }
    const wanted: Wanted = { amps: this.#wantedAmps(), limitPercent: targetSocPercent };
    if (wanted.amps !== this.#lastWantedAmps) {
      this.#lastWantedAmps = wanted.amps;
      this.#sent = undefined;
      // To draw nothing is never put off: it is asked for again at once, whatever was said before.
      if (wanted.amps === 0) this.#requests.release('orders');
    }
    if (this.#requests.isHeld('orders')) return;
    await this.#confirm(wanted);
    for (const { command, body, after } of chargeOrders(this.#kept.told, wanted)) {
      const answer = await this.#requests.ask('command', { command, ...(body && { body }) }, wanted.amps === 0);
      if (answer.kind === 'asleep' && wanted.amps === 0) {
        // A car that charges is awake: one that sleeps draws nothing.
        await this.#keep({ told: { ...this.#kept.told, isCharging: false } });
        return;
      }
      if (answer.kind === 'asleep') return this.#wake('told to charge');
      if (answer.kind !== 'done') return;
      const attempts = this.#sent?.attempts ?? 0;
      await this.#keep({ told: { ...this.#kept.told, ...after } });
      await this.#requests.tellProblem('orders', null);
      const chargeKw = kwOf(Math.floor(wanted.amps), this.#options.supply);
      this.#sent = { chargeKw, sentAtMs: this.#ports.now(), attempts: Math.max(1, attempts) };
    }
  }

  /** Holds what telemetry says against what was told; what had no effect is told again, twice as late each time. */
  async #confirm(wanted: Wanted): Promise<void> {
    const sent = this.#sent;
    if (!sent) return;
    // Nothing is left to charge: that it draws nothing is no refusal.
    if (this.#isFull && wanted.amps > 0) this.#sent = undefined;
    if (this.#sent === undefined) return;
    const fact = { chargeKw: this.#powerKw?.value ?? 0, atMs: this.#powerKw?.atMs ?? 0 };
    const verdict = judgeWish(sent, fact, this.#ports.now());
    if (verdict.kind === 'confirmed') this.#sent = undefined;
    if (verdict.kind === 'refused') {
      this.#sent = undefined;
      const said = `it was told to draw ${verdict.limit.toFixed(1)} kW and draws ${verdict.value.toFixed(1)} kW`;
      await this.#requests.tellProblem('orders', `It does not do what it accepted: ${said}.`);
    }
    if (verdict.kind !== 'retry') return;
    this.#sent = { ...sent, attempts: sent.attempts + 1, sentAtMs: this.#ports.now() };
    const isCharging = wanted.amps === 0 ? true : null;
    await this.#keep({ told: { ...this.#kept.told, amps: null, isCharging } });
  }

  /** Amperes per phase now: the plan's, under a shed, else the fail-safe. */
  #wantedAmps(): number {
    const schedule = this.#schedule();
    return schedule ? limitAt(schedule, this.#ports.now()) : FAIL_SAFE_AMPS;
  }

  #schedule(): ChargingSchedule | undefined {
    const { supply, clock } = this.#options;
    return chargingSchedule(this.#orders.profile, supply, clock, this.#ports.now());
  }

  async #wake(why: string): Promise<void> {
    if (this.#requests.isHeld('orders')) return;
    const answer = await this.#requests.ask('wake', { wake: true }, false);
    if (answer.kind !== 'done') return;
    this.#requests.hold('orders', WAKES_WITHIN_REAL_MS);
    this.#ports.log.info({ why }, 'the car is asked to wake up');
  }

  /** Asks once a day whether the car is configured to stream what we need, and configures it where it is not. */
  async #keepTelemetry(): Promise<void> {
    const { telemetry, vin } = this.#options;
    const nowRealMs = this.#ports.now();
    const rightRealMs = this.#kept.telemetryRightRealMs ?? -Infinity;
    if (!telemetry || nowRealMs - rightRealMs < TELEMETRY_EVERY_REAL_MS || this.#requests.isHeld('telemetry')) return;
    const read = await this.#requests.ask('request', { readTelemetry: true }, false);
    if (read.kind !== 'done') return;
    if (!isTelemetryCurrent(read.body, telemetry, nowRealMs)) {
      const posted = await this.#requests.ask('request', { telemetry: telemetryConfig(vin, telemetry) }, false);
      if (posted.kind !== 'done') return;
      const skipped = whySkipped(posted.body, vin);
      if (skipped !== undefined) {
        this.#requests.hold('telemetry', NO_ACCESS_REAL_MS);
        return this.#requests.tellProblem('telemetry', skipped);
      }
    }
    await this.#keep({ telemetryRightRealMs: nowRealMs });
    await this.#requests.tellProblem('telemetry', null);
  }

  async #keep(news: Partial<KeptCar>): Promise<void> {
    this.#kept = { ...this.#kept, ...news };
    await this.#ports.save(this.#kept);
  }
}
