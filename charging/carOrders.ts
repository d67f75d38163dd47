import type { Logger } from 'pino';
import { parseJson } from '../domain/json.ts';
import { setpointProfileSchema, type SetpointProfile } from '../domain/setpoints.ts';
import { profileUnderShed, shedOrderSchema, type ShedOrder } from '../domain/sheds.ts';

/** What a car is told over MQTT, for those who carry it out in its place. */
export class CarOrders {
  readonly #carId: string | null;
  readonly #log: Logger;
  #profile: SetpointProfile | null = null;
  #shed: ShedOrder | null = null;

  constructor(carId: string | null, log: Logger) {
    this.#carId = carId;
    this.#log = log;
  }

  /** The setpoints to follow, nothing for the time of a shed; null: none are given. */
  get profile(): SetpointProfile | null {
    return this.#shed === null ? this.#profile : profileUnderShed(this.#profile, this.#shed);
  }

  /** A message of the car's topic; empty when it was withdrawn. */
  receiveSetpoints(payload: string): void {
    this.#profile = this.#read(payload, setpointProfileSchema, this.#profile);
  }

  receiveShed(payload: string): void {
    this.#shed = this.#read(payload, shedOrderSchema, this.#shed);
  }

  #read<Order>(
    payload: string,
    schema: { safeParse(value: unknown): { data?: Order | undefined } },
    before: Order | null,
  ): Order | null {
    if (payload === '') return null;
    const order = schema.safeParse(parseJson(payload)).data;
    if (order !== undefined) return order;
    this.#log.warn({ carId: this.#carId }, 'an order cannot be read; the one before holds until it expires');
    return before;
  }
}
