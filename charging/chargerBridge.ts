import type { Logger } from 'pino';
import { gridTimeMs, type Clock } from '../domain/clock.ts';
import { parseJson } from '../domain/json.ts';
import { computeReadingSchema } from '../domain/setpoints.ts';
import { CarOrders } from './carOrders.ts';
import type { PlugSession } from './ocpp/plugSession.ts';
import { UNKNOWN_CONNECTOR, type ConnectorEvent, type ConnectorState } from './ocpp/connector.ts';
import { OWN_ID_TOKEN } from './ocpp/dialect.ts';
import { countPlug, type PlugMeter } from './plugMeter.ts';
import { meterMessage, plugTelemetry, type CarMessage } from './plugTelemetry.ts';

/** What of a plug is kept, so that another process goes on where this one was. */
export interface KeptPlug {
  readonly connector: ConnectorState;
  readonly meter: PlugMeter;
  /** Somebody else's car is at it. */
  readonly isForeign: boolean;
}

export interface ChargerBridgeOptions {
  /** Null: a charger that any car may use, each of them unknown. */
  readonly carId: string | null;
  readonly idTokens: readonly string[];
  readonly metersCompute: boolean;
  /** Topic base of telemetry. */
  readonly telemetryBase: string;
  readonly clock: Clock;
}

export interface ChargerBridgePorts {
  readonly publish: (message: CarMessage) => void;
  readonly save: (kept: KeptPlug) => void;
  /** Real time, epoch ms. */
  readonly now: () => number;
  readonly log: Logger;
}

/**
 * One plug of a charger as the plug of its car: the car's setpoints and shed orders become what the charger offers, and what the
 * charger says becomes telemetry and meter readings of the car. So a car whose charger we control needs nothing of
 * its own to be planned, metered and settled.
 */
export class ChargerBridge {
  readonly #options: ChargerBridgeOptions;
  readonly #ports: ChargerBridgePorts;
  #kept: KeptPlug;
  #session: PlugSession | undefined;
  readonly #orders: CarOrders;
  #agentKwh: number | null = null;
  #said = '';

  constructor(options: ChargerBridgeOptions, ports: ChargerBridgePorts, kept: KeptPlug) {
    this.#options = options;
    this.#ports = ports;
    this.#kept = kept;
    this.#orders = new CarOrders(options.carId, ports.log);
  }

  get kept(): KeptPlug {
    return this.#kept;
  }

  /** The plug's charger is there. */
  attach(session: PlugSession): void {
    this.#session = session;
    this.#follow();
  }

  /** A message of one of the car's topics; empty when it was withdrawn. */
  receiveSetpoints(payload: string): void {
    this.#orders.receiveSetpoints(payload);
    this.#follow();
  }

  receiveShed(payload: string): void {
    this.#orders.receiveShed(payload);
    this.#follow();
  }

  receiveCompute(payload: string): void {
    const reading = computeReadingSchema.safeParse(parseJson(payload)).data;
    if (reading) this.#agentKwh = reading.computeKwh;
  }

  /** The charger said something. */
  take(connector: ConnectorState, events: readonly ConnectorEvent[]): void {
    const { carId, idTokens, metersCompute, telemetryBase, clock } = this.#options;
    const isForeign = carId === null ? connector.plug === 'plugged' : isForeignToken(connector, idTokens);
    const isMetered = events.some(({ kind }) => kind === 'metered' || kind === 'started' || kind === 'ended');
    const plugKwh = connector.totalWh / 1000;
    // What another driver draws is counted past, so that it is never booked to this car.
    const meter = isForeign
      ? { ...this.#kept.meter, plugKwh }
      : isMetered
        ? countPlug(this.#kept.meter, plugKwh, this.#agentKwh, metersCompute)
        : this.#kept.meter;
    this.#kept = { connector, meter, isForeign };
    this.#ports.save(this.#kept);
    if (carId === null) return;
    const seen: ConnectorState = isForeign
      ? { ...connector, plug: 'unplugged', isCharging: false, powerKw: 0, socPercent: null }
      : connector;
    this.#say(plugTelemetry(telemetryBase, carId, seen));
    if (!isMetered || isForeign) return;
    const atMs = Math.round(gridTimeMs(clock, this.#ports.now()));
    const { chargingKwh, computeKwh } = meter;
    this.#ports.publish(meterMessage(carId, { atMs, chargingKwh, computeKwh }));
  }

  /** Telemetry is sent on change: a charger that says every minute the same is no news. */
  #say(messages: readonly CarMessage[]): void {
    const said = JSON.stringify(messages);
    if (messages.length === 0 || said === this.#said) return;
    this.#said = said;
    for (const message of messages) this.#ports.publish(message);
  }

  #follow(): void {
    this.#session?.follow(this.#kept.isForeign ? null : this.#orders.profile);
  }
}

/** A driver who identifies as nobody, by us or by one of the car's tokens is the car's own. */
function isForeignToken({ transaction }: ConnectorState, idTokens: readonly string[]): boolean {
  const token = transaction?.idToken ?? null;
  return token !== null && token !== OWN_ID_TOKEN && idTokens.length > 0 && !idTokens.includes(token);
}

export function newPlug(meter: PlugMeter): KeptPlug {
  return { connector: UNKNOWN_CONNECTOR, meter, isForeign: false };
}
