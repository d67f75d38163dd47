import { HOUR_MS, MINUTE_MS } from '../../domain/durations.ts';

/** An agent says a few things a minute, telemetry a few a second; a burst is what a car says that was out of reach. */
export const MAX_MESSAGES_AT_ONCE = 600;
const MESSAGES_PER_S = 20;
/** A car in a bad cell loses its connection every few seconds at worst. */
export const MAX_CONNECTS_AT_ONCE = 20;
const CONNECTS_PER_S = 0.2;
const DAMPED_MS = MINUTE_MS;
const TOLD_AGAIN_AFTER_MS = HOUR_MS;

interface Bucket {
  left: number;
  atMs: number;
}

interface CarState {
  readonly messages: Bucket;
  readonly connects: Bucket;
  dampedUntilMs: number;
  toldMs: number;
}

/**
 * Keeps cars that flood the broker or connect over and over away from it for a minute, and has it told once an hour,
 * so that neither the broker nor the journal is taken from the others.
 */
export class CarDamping {
  readonly #monotonicMs: () => number;
  readonly #tell: (carId: string, why: string) => void;
  readonly #cars = new Map<string, CarState>();

  /** @param monotonicMs never goes back: a clock that is set would lock cars out */
  constructor(tell: (carId: string, why: string) => void, monotonicMs: () => number = () => performance.now()) {
    this.#tell = tell;
    this.#monotonicMs = monotonicMs;
  }

  /** Counts a connection of a car whose key was right. An attempt while it is kept away costs it nothing. */
  mayConnect(carId: string): boolean {
    const car = this.#stateOf(carId);
    if (this.#monotonicMs() < car.dampedUntilMs) return false;
    if (this.#take(car.connects, MAX_CONNECTS_AT_ONCE, CONNECTS_PER_S)) return true;
    this.#damp(carId, car, `connected more than ${MAX_CONNECTS_AT_ONCE} times in a row`);
    return false;
  }

  maySend(carId: string): boolean {
    const car = this.#stateOf(carId);
    if (this.#monotonicMs() < car.dampedUntilMs) return false;
    if (this.#take(car.messages, MAX_MESSAGES_AT_ONCE, MESSAGES_PER_S)) return true;
    this.#damp(carId, car, `sent more than ${MESSAGES_PER_S} messages a second`);
    return false;
  }

  /** The car did what it has no right to. */
  trespassed(carId: string, what: string): void {
    this.#tellOnce(carId, this.#stateOf(carId), what);
  }

  #damp(carId: string, car: CarState, what: string): void {
    car.dampedUntilMs = this.#monotonicMs() + DAMPED_MS;
    this.#tellOnce(carId, car, `${what}, and is kept off the broker for a minute each time`);
  }

  #tellOnce(carId: string, car: CarState, what: string): void {
    const nowMs = this.#monotonicMs();
    if (nowMs < car.toldMs + TOLD_AGAIN_AFTER_MS) return;
    car.toldMs = nowMs;
    this.#tell(carId, what);
  }

  #take(bucket: Bucket, most: number, perS: number): boolean {
    const nowMs = this.#monotonicMs();
    bucket.left = Math.min(most, bucket.left + ((nowMs - bucket.atMs) / 1_000) * perS);
    bucket.atMs = nowMs;
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }

  /** Only cars with a key get this far, so that the map is no longer than the cell has cars. */
  #stateOf(carId: string): CarState {
    const atMs = this.#monotonicMs();
    const known = this.#cars.get(carId) ?? {
      messages: { left: MAX_MESSAGES_AT_ONCE, atMs },
      connects: { left: MAX_CONNECTS_AT_ONCE, atMs },
      dampedUntilMs: -Infinity,
      toldMs: -Infinity,
    };
    this.#cars.set(carId, known);
    return known;
  }
}
