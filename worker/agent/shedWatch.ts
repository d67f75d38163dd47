import type { Logger } from 'pino';
import type { PowerGate } from '../../activities/inference/powerGate.ts';
import { gridTimeMs, realDelayUntilMs, type Clock } from '../../domain/clock.ts';
import { isShedding, shedOrderSchema, type ShedOrder } from '../../domain/sheds.ts';

/** Longer timers overflow to "at once"; the watch just looks again. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Closes the gate with `grid_emergency` while a shed order is in force, in the tick in which the order comes: a shard
 * under way is paused, not given up. It clears it at the car's own instant of resumption, by the car's own clock.
 */
export class ShedWatch {
  readonly #gate: PowerGate;
  readonly #clock: Clock;
  readonly #log: Logger;
  #order: ShedOrder | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(gate: PowerGate, clock: Clock, log: Logger) {
    this.#gate = gate;
    this.#clock = clock;
    this.#log = log;
  }

  /** Takes a message of the car's shed topic. An empty one withdraws the order, one that is older is ignored. */
  receive(payload: string): void {
    if (payload === '') {
      this.#order = undefined;
    } else {
      const parsed = shedOrderSchema.safeParse(parseJson(payload));
      if (!parsed.success) {
        this.#log.warn({ issues: parsed.error.issues }, 'a shed order cannot be read');
        return;
      }
      if (this.#order !== undefined && parsed.data.issuedAtMs < this.#order.issuedAtMs) return;
      this.#order = parsed.data;
    }
    this.#apply();
  }

  /** Forgets the order: an agent that starts again is told again. */
  close(): void {
    clearTimeout(this.#timer);
    this.#order = undefined;
    this.#gate.clear('grid_emergency');
  }

  #apply(): void {
    clearTimeout(this.#timer);
    const nowRealMs = Date.now();
    const nowMs = gridTimeMs(this.#clock, nowRealMs);
    if (this.#order !== undefined && isShedding(this.#order, nowMs)) this.#gate.close('grid_emergency');
    else this.#gate.clear('grid_emergency');

    const bounds = this.#order === undefined ? [] : [this.#order.startMs, this.#order.resumeAtMs];
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
