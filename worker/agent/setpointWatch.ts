import type { Logger } from 'pino';
import type { PowerGate } from '../../activities/inference/powerGate.ts';
import { gridTimeMs, realDelayUntilMs, type Clock } from '../../domain/clock.ts';
import { setpointAt, setpointProfileSchema, type SetpointProfile } from '../../domain/setpoints.ts';

/** Longer timers overflow to "at once"; the watch just looks again. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Opens and closes the gate by the newest profile and the car's own clock: closed with `slot_over` unless an interval
 * that leaves power to compute is in force. Two such intervals in a row leave it open. An expired profile closes it.
 */
export class SetpointWatch {
  readonly #gate: PowerGate;
  readonly #clock: Clock;
  readonly #log: Logger;
  #profile: SetpointProfile | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(gate: PowerGate, clock: Clock, log: Logger) {
    this.#gate = gate;
    this.#clock = clock;
    this.#log = log;
    gate.close('slot_over');
  }

  /** Takes a message of the car's setpoints topic. An empty one withdraws the profile, one that is older is ignored. */
  receive(payload: string): void {
    if (payload === '') {
      this.#profile = undefined;
    } else {
      const parsed = setpointProfileSchema.safeParse(parseJson(payload));
      if (!parsed.success) {
        this.#log.warn({ issues: parsed.error.issues }, 'a setpoint profile cannot be read');
        return;
      }
      if (this.#profile !== undefined && parsed.data.issuedAtMs < this.#profile.issuedAtMs) return;
      this.#profile = parsed.data;
    }
    this.#apply();
  }

  /** Closes the gate until the next profile. */
  close(): void {
    clearTimeout(this.#timer);
    this.#profile = undefined;
    this.#gate.close('slot_over');
  }

  #apply(): void {
    clearTimeout(this.#timer);
    const nowRealMs = Date.now();
    const nowMs = gridTimeMs(this.#clock, nowRealMs);
    const interval = this.#profile && setpointAt(this.#profile, nowMs);
    if (interval !== undefined && interval.computeKw > 0) this.#gate.clear('slot_over');
    else this.#gate.close('slot_over');

    const bounds = this.#profile?.intervals.flatMap(({ startMs, endMs }) => [startMs, endMs]) ?? [];
    const nextMs = Math.min(...bounds.filter((atMs) => atMs > nowMs));
    if (nextMs === Infinity) return;
    const delayMs = realDelayUntilMs(this.#clock, nextMs, nowRealMs);
    this.#timer = setTimeout(() => this.#apply(), Math.min(delayMs, LONGEST_TIMER_MS));
  }
}

function parseJson(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    return undefined;
  }
}
