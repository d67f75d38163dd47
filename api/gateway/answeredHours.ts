import type { Logger } from 'pino';

import { gridTimeMs, type Clock } from '../../domain/clock.ts';
import { HOUR_MS } from '../../domain/durations.ts';
import type { KeyedCar } from '../../store/carKeys.ts';
import type { HeardHour } from '../../store/heardHours.ts';

/** Longer than a call may last, so that hardly anything is lost with a gateway that is killed. */
const FLUSH_REAL_MS = 5_000;
/** Hours of cars that wait for a database that is away; beyond, those that come are given up. */
const MAX_PENDING = 200_000;

export interface AnsweredHoursPorts {
  /** Of a cell; undefined when there is none of the id. */
  readonly clockOf: (cellId: string) => Promise<Clock | undefined>;
  readonly store: (hours: readonly HeardHour[]) => Promise<void>;
  /** Real time in epoch milliseconds. */
  readonly now: () => number;
  readonly log: Pick<Logger, 'warn'>;
}

/** Keeps in which hours of grid time cars bid, or worked at what they got: owners are paid for those. */
export class AnsweredHours {
  readonly #ports: AnsweredHoursPorts;
  readonly #clocks = new Map<string, Clock>();
  /** By car and hour. */
  #pending = new Map<string, HeardHour>();
  /** Of each car the last hour that is stored or waits: thousands of calls say the same. */
  readonly #last = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  #flushing: Promise<void> = Promise.resolve();
  #isFull = false;

  constructor(ports: AnsweredHoursPorts) {
    this.#ports = ports;
    this.#timer = setInterval(() => void this.#flush(), FLUSH_REAL_MS).unref();
  }

  /** @param sinceRealMs when the call began: a poll that waits is a bid all the while */
  async answered({ vehicleId, cellId }: Pick<KeyedCar, 'vehicleId' | 'cellId'>, sinceRealMs: number): Promise<void> {
    const untilRealMs = this.#ports.now();
    const clock = await this.#clockOf(cellId);
    if (!clock) return;
    const hourOf = (realMs: number): number => Math.floor(gridTimeMs(clock, realMs) / HOUR_MS) * HOUR_MS;
    const last = this.#last.get(vehicleId) ?? Number.NEGATIVE_INFINITY;
    for (let hourMs = hourOf(sinceRealMs); hourMs <= hourOf(untilRealMs); hourMs += HOUR_MS) {
      if (hourMs <= last) continue;
      if (this.#pending.size >= MAX_PENDING) return this.#tellFull();
      this.#pending.set(`${vehicleId}/${hourMs}`, { vehicleId, hourMs });
      this.#last.set(vehicleId, hourMs);
    }
  }

  /** Stores what waits. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#flush();
  }

  async #clockOf(cellId: string): Promise<Clock | undefined> {
    const known = this.#clocks.get(cellId);
    if (known) return known;
    const clock = await this.#ports.clockOf(cellId);
    if (clock) this.#clocks.set(cellId, clock);
    return clock;
  }

  /** One at a time; what cannot be stored waits for the next. */
  async #flush(): Promise<void> {
    this.#flushing = this.#flushing.then(async () => {
      const taken = this.#pending;
      if (taken.size === 0) return;
      this.#pending = new Map();
      try {
        await this.#ports.store([...taken.values()]);
        this.#isFull = false;
      } catch (error) {
        this.#pending = new Map([...taken, ...this.#pending]);
        this.#ports.log.warn(
          { err: error, hours: taken.size },
          'hours in which cars bid could not be stored; they are kept',
        );
      }
    });
    await this.#flushing;
  }

  #tellFull(): void {
    if (this.#isFull) return;
    this.#isFull = true;
    this.#ports.log.warn(
      { hours: this.#pending.size },
      'no more hours in which cars bid are kept: the database is away',
    );
  }
}
