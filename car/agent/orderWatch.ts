import type { Logger } from 'pino';
import type { z } from 'zod';
import { gridTimeMs, realDelayUntilMs, type Clock } from '../../domain/clock.ts';
import { parseJson } from '../../domain/json.ts';

/** Longer timers overflow to "at once"; the watch just looks again. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export interface OrderRules<Order> {
  readonly schema: z.ZodType<Order>;
  /** Does what the order, or none, asks for at this grid time. */
  readonly apply: (order: Order | undefined, nowMs: number) => void;
  /** Grid times at which the order asks for something else. */
  readonly boundsMs: (order: Order) => readonly number[];
}

/** Follows the newest retained order of one of a car's topics, by the car's own clock. */
export class OrderWatch<Order extends { readonly issuedAtMs: number }> {
  readonly #rules: OrderRules<Order>;
  readonly #clock: Clock;
  readonly #log: Logger;
  #order: Order | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(rules: OrderRules<Order>, clock: Clock, log: Logger) {
    this.#rules = rules;
    this.#clock = clock;
    this.#log = log;
    this.#apply();
  }

  /** Takes a message of the topic. An empty one withdraws the order, one that is older is ignored. */
  receive(payload: string): void {
    if (payload === '') {
      this.#order = undefined;
    } else {
      const parsed = this.#rules.schema.safeParse(parseJson(payload));
      if (!parsed.success) {
        this.#log.warn({ issues: parsed.error.issues }, 'an order cannot be read');
        return;
      }
      if (this.#order !== undefined && parsed.data.issuedAtMs < this.#order.issuedAtMs) return;
      this.#order = parsed.data;
    }
    this.#apply();
  }

  /** Forgets the order: an agent that starts again is told again. */
  close(): void {
    this.#order = undefined;
    this.#apply();
  }

  #apply(): void {
    clearTimeout(this.#timer);
    const nowRealMs = Date.now();
    const nowMs = gridTimeMs(this.#clock, nowRealMs);
    this.#rules.apply(this.#order, nowMs);
    const bounds = this.#order === undefined ? [] : this.#rules.boundsMs(this.#order);
    const nextMs = Math.min(...bounds.filter((atMs) => atMs > nowMs));
    if (nextMs === Infinity) return;
    const delayMs = realDelayUntilMs(this.#clock, nextMs, nowRealMs);
    this.#timer = setTimeout(() => this.#apply(), Math.min(delayMs, LONGEST_TIMER_MS));
  }
}
