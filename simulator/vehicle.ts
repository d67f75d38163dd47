import { HOUR_MS, MINUTE_MS } from '../domain/durations.ts';
import type { MeterReading, SetpointProfile } from '../domain/setpoints.ts';
import type { LeaveReason } from '../domain/shards.ts';
import { batteryDrawKw, chargeBattery, fullAtMs, isFull, type BatteryInput } from './battery.ts';
import type { CarActivity, CarConditions } from './carHost.ts';
import type { CarSpec } from './carSpec.ts';
import type { CarState } from './carState.ts';
import { chargeControl, type ChargeControl } from './chargeControl.ts';
import { holdsOf } from './holds.ts';
import { nextOutageChangeMs, outageAt, type CarFaults, type CarScript } from './mobility.ts';
import { currentTrip, gearOf, isPluggedIn, phaseEndMs } from './phases.ts';
import { seededRandom } from '../domain/random.ts';
import { derivedSeed } from './random.ts';
import type { Weather } from './weather.ts';

/** Tesla's cars go to sleep about a quarter of an hour after the last activity. */
export const SLEEP_AFTER_MS = 15 * MINUTE_MS;
const METER_PERIOD_MS = 5 * MINUTE_MS;
const IDLE: ChargeControl = { offeredKw: 0, computeAllowed: false, untilMs: Infinity };

/** What changed, for the agent and the meter. */
export type CarEvent =
  | { readonly kind: 'hold' | 'release'; readonly reason: LeaveReason }
  | { readonly kind: 'awake'; readonly awake: boolean }
  | { readonly kind: 'network'; readonly up: boolean }
  | { readonly kind: 'power'; readonly up: boolean }
  | { readonly kind: 'meter'; readonly reading: MeterReading };

export interface SimulatedCarOptions {
  readonly spec: CarSpec;
  readonly script: CarScript;
  readonly weather: Weather;
  readonly seed: number;
  readonly state: CarState;
}

/**
 * One car on grid time. It moves from one boundary (a script's instant, a setpoint's end, a full battery, a change of
 * weather) to the next and integrates exactly in between, so that the result does not depend on how often it is asked
 * to advance.
 *
 *   driving ─▶ arriving ─▶ parked (asleep ◀─▶ awake, computing) ─▶ leaving ─▶ driving
 */
export class SimulatedCar {
  readonly spec: CarSpec;
  readonly #script: CarScript;
  readonly #weather: Weather;
  readonly #seed: number;
  readonly #state: CarState;
  #computeKw = 0;
  #computingSinceMs = 0;
  #holds: readonly LeaveReason[] = [];
  #lastReading: MeterReading | undefined;
  #stoodStill = false;

  constructor({ spec, script, weather, seed, state }: SimulatedCarOptions) {
    this.spec = spec;
    this.#script = script;
    this.#weather = weather;
    this.#seed = seed;
    this.#state = { ...state };
    this.#holds = this.#holdsNow();
  }

  get state(): Readonly<CarState> {
    return this.#state;
  }

  conditions(): CarConditions {
    return {
      atMs: this.#state.atMs,
      activity: this.#activity(),
      awake: this.#state.awake,
      pluggedIn: this.pluggedIn,
      gear: this.gear,
      powered: this.#state.powered,
      networkUp: this.networkUp,
      socPercent: this.#state.socPercent,
      ambientC: this.ambientC,
      holds: this.#holds,
      computeAllowed: this.#control().computeAllowed,
    };
  }

  get faults(): CarFaults {
    return this.#script.faults ?? {};
  }

  get ambientC(): number {
    return this.#weather.ambientC(this.#state.atMs);
  }

  get networkUp(): boolean {
    return this.#state.covered && this.#state.powered;
  }

  get pluggedIn(): boolean {
    return isPluggedIn(this.#state, this.#script);
  }

  get gear(): 'P' | 'D' {
    return gearOf(this.#state, this.#script);
  }

  /** Power now at the plug, for the battery. */
  get chargingKw(): number {
    return this.#state.awake ? batteryDrawKw(this.#batteryInput()) : 0;
  }

  /** Power now at the plug, for the computer. */
  get computeKw(): number {
    return this.pluggedIn && this.#state.powered ? this.#computeKw : 0;
  }

  get full(): boolean {
    return isFull(this.#batteryInput());
  }

  /**
   * Takes a profile from the network; null when it was withdrawn. An older one than the car has, which a retained
   * message can be, is ignored.
   */
  follow(profile: SetpointProfile | null): void {
    const current = this.#state.profile;
    if (profile === null || current === null || profile.issuedAtMs >= current.issuedAtMs) {
      this.#state.profile = profile;
    }
  }

  /** A message to the modem. The car is awake 20 to 60 s later. */
  requestWake(): void {
    if (this.#state.awake || this.#state.wakesAtMs !== null) return;
    this.#state.wakes += 1;
    if (this.#state.wakes <= (this.#script.ignoredWakes ?? 0)) return;
    const luck = seededRandom(derivedSeed(this.#seed, `wake ${this.#state.wakes}`))();
    this.#state.wakesAtMs = this.#state.atMs + Math.round((20 + 40 * luck) * 1000);
  }

  drawCompute(kw: number): void {
    if (this.#computeKw === 0 && kw > 0) this.#computingSinceMs = this.#state.atMs;
    this.#computeKw = this.#state.powered ? kw : 0;
  }

  /** Lives until the grid time `toMs`. Events come in the order in which they happened. */
  advanceTo(toMs: number): CarEvent[] {
    const events: CarEvent[] = [];
    this.#tellKeptReading(events);
    this.#settle(events);
    while (this.#state.atMs < toMs) {
      this.#integrateTo(Math.min(toMs, this.#nextBoundaryMs()));
      this.#settle(events);
    }
    return events;
  }

  #activity(): CarActivity {
    const { phase, awake } = this.#state;
    if (phase !== 'parked') return phase;
    if (!awake) return 'asleep';
    if (this.computeKw > 0) return 'computing';
    return this.chargingKw > 0 ? 'charging' : 'awake';
  }

  #control(): ChargeControl {
    const { phase, powered, profile, atMs, phaseSinceMs } = this.#state;
    if (phase !== 'parked' || !powered) return IDLE;
    const aheadMs = this.faults.clockAheadMs ?? 0;
    const control = chargeControl({
      profile,
      atMs: atMs + aheadMs,
      pluggedInAtMs: phaseSinceMs + aheadMs,
      failSafeKw: this.spec.failSafeKw,
    });
    return { ...control, untilMs: control.untilMs - aheadMs };
  }

  #batteryInput(): BatteryInput {
    return {
      pack: this.spec.pack,
      socPercent: this.#state.socPercent,
      limitPercent: this.spec.chargeLimitPercent,
      offeredKw: this.#control().offeredKw,
      computeKw: this.computeKw,
      ambientC: this.ambientC,
    };
  }

  #integrateTo(untilMs: number): void {
    const state = this.#state;
    const durationMs = untilMs - state.atMs;
    if (state.awake) {
      const charged = chargeBattery(this.#batteryInput(), durationMs);
      state.socPercent = charged.socPercent;
      state.chargingKwh += charged.plugKwh;
    }
    state.computeKwh += (this.computeKw * durationMs) / HOUR_MS;
    if (this.#isActive()) state.activeAtMs = untilMs;
    state.atMs = untilMs;
  }

  /** What keeps a car awake. An open power gate does: the agent polls for work. A dead computer boots awake. */
  #isActive(): boolean {
    const { phase, awake, powered } = this.#state;
    if (phase !== 'parked' || !powered) return true;
    return awake && (this.chargingKw > 0 || this.computeKw > 0 || this.#control().computeAllowed);
  }

  #nextBoundaryMs(): number {
    const { atMs, awake, activeAtMs, wakesAtMs } = this.#state;
    return Math.min(
      (Math.floor(atMs / METER_PERIOD_MS) + 1) * METER_PERIOD_MS,
      this.#phaseEndMs(),
      this.#control().untilMs,
      this.#weather.nextChangeMs(atMs),
      nextOutageChangeMs(this.#script.outages, atMs),
      awake ? fullAtMs(this.#batteryInput(), atMs) : Infinity,
      awake ? fullAtMs({ ...this.#batteryInput(), limitPercent: this.spec.computeSocFloorPercent }, atMs) : Infinity,
      awake && !this.#isActive() ? activeAtMs + SLEEP_AFTER_MS : Infinity,
      wakesAtMs ?? Infinity,
    );
  }

  #phaseEndMs(): number {
    return phaseEndMs(this.#state, this.#script, this.computeKw > 0 ? this.#computingSinceMs : undefined);
  }

  /** Applies everything that is due at this instant. */
  #settle(events: CarEvent[]): void {
    this.#settleOutages(events);
    while (this.#phaseEndMs() <= this.#state.atMs) this.#enterNextPhase(events);
    this.#settleSleep(events);
    this.#settleHolds(events);
    if (this.#state.atMs % METER_PERIOD_MS === 0) this.#readMeter(events);
  }

  #settleOutages(events: CarEvent[]): void {
    const { atMs } = this.#state;
    const powered = outageAt(this.#script.outages, 'power', atMs) === undefined;
    const covered = outageAt(this.#script.outages, 'coverage', atMs) === undefined;
    const networkWasUp = this.networkUp;
    if (powered !== this.#state.powered) {
      this.#state.powered = powered;
      if (!powered) this.#computeKw = 0;
      events.push({ kind: 'power', up: powered });
    }
    this.#state.covered = covered;
    if (this.networkUp !== networkWasUp) events.push({ kind: 'network', up: this.networkUp });
  }

  #enterNextPhase(events: CarEvent[]): void {
    const state = this.#state;
    const trip = currentTrip(state, this.#script);
    switch (state.phase) {
      case 'driving':
        state.socPercent = Math.max(0, state.socPercent - (trip?.consumesSocPercent ?? 0));
        state.tripsDone += 1;
        state.phase = 'arriving';
        break;
      case 'arriving':
        state.phase = 'parked';
        state.kwhAtPlugIn = state.chargingKwh + state.computeKwh;
        break;
      case 'parked':
        this.#wakeUp(events);
        state.phase = 'leaving';
        break;
      case 'leaving':
        this.#readMeter(events);
        state.phase = 'driving';
        break;
    }
    state.phaseSinceMs = state.atMs;
    state.activeAtMs = state.atMs;
  }

  #settleSleep(events: CarEvent[]): void {
    const { awake, activeAtMs, atMs, wakesAtMs } = this.#state;
    if (awake) {
      if (this.#isActive() || atMs < activeAtMs + SLEEP_AFTER_MS) return;
      this.#state.awake = false;
      events.push({ kind: 'awake', awake: false });
      return;
    }
    // The car wakes by itself to charge on schedule; for compute it has to be woken.
    if ((wakesAtMs !== null && wakesAtMs <= atMs) || batteryDrawKw(this.#batteryInput()) > 0) this.#wakeUp(events);
  }

  #wakeUp(events: CarEvent[]): void {
    this.#state.wakesAtMs = null;
    if (this.#state.awake) return;
    this.#state.awake = true;
    this.#state.activeAtMs = this.#state.atMs;
    events.push({ kind: 'awake', awake: true });
  }

  #settleHolds(events: CarEvent[]): void {
    const before = this.#holds;
    this.#holds = this.#holdsNow();
    const begun = this.#holds.filter((reason) => !before.includes(reason));
    const ended = before.filter((reason) => !this.#holds.includes(reason));
    for (const reason of begun) events.push({ kind: 'hold', reason });
    for (const reason of ended) events.push({ kind: 'release', reason });
  }

  #holdsNow(): LeaveReason[] {
    const { gear, pluggedIn, ambientC } = this;
    const { computeSocFloorPercent } = this.spec;
    const { socPercent } = this.#state;
    return holdsOf({ gear, pluggedIn, ambientC, socPercent, computeSocFloorPercent }, this.#holds);
  }

  /** What was drawn until a kill is told as of then: else it would be shared out over the time until the restart. */
  #tellKeptReading(events: CarEvent[]): void {
    const { chargingKwh, computeKwh } = this.#state;
    if (this.#lastReading === undefined && chargingKwh + computeKwh > 0) this.#readMeter(events);
  }

  /**
   * Registers that did not move are not reported: a parked car that draws nothing stays silent. When they move again, it
   * first tells until when they stood still, or what it draws now would be shared out over that time.
   */
  #readMeter(events: CarEvent[]): void {
    const { atMs, chargingKwh, computeKwh } = this.#state;
    const reading = { atMs: Math.floor(atMs + (this.faults.clockAheadMs ?? 0)), chargingKwh, computeKwh };
    const last = this.#lastReading;
    if (last?.atMs === reading.atMs) return;
    this.#lastReading = reading;
    if (last?.chargingKwh === chargingKwh && last.computeKwh === computeKwh) {
      this.#stoodStill = true;
      return;
    }
    if (last && this.#stoodStill) events.push({ kind: 'meter', reading: last });
    this.#stoodStill = false;
    events.push({ kind: 'meter', reading });
  }
}
