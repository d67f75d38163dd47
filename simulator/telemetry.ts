import { MINUTE_MS } from '../domain/durations.ts';
import { TELEMETRY_BASE, topics } from '../domain/names.ts';
import { readSensors } from './sensors.ts';
import type { Random } from '../domain/random.ts';
import {
  TELEMETRY_FIELD_NAMES,
  TELEMETRY_FIELDS,
  telemetryPayload,
  type TelemetryField,
  type TelemetryFieldName,
  type TelemetryValues,
} from './telemetryFields.ts';
import type { SimulatedCar } from './vehicle.ts';

/** How often a car may send, in grid time, as its telemetry config asks. */
export interface TelemetryConfig {
  readonly baseTopic: string;
  readonly fastIntervalMs: number;
  readonly slowIntervalMs: number;
  readonly resendIntervalMs: number;
}

export const TELEMETRY_CONFIG: TelemetryConfig = {
  baseTopic: TELEMETRY_BASE,
  fastIntervalMs: 1_000,
  slowIntervalMs: MINUTE_MS,
  resendIntervalMs: 300_000,
};

/** What a car that is stuck at charging repeats. */
const STUCK_FIELDS = [
  'DetailedChargeState',
  'ACChargingPower',
  'ChargeAmps',
  'ChargePortLatch',
  'ChargingCableType',
  'ChargerVoltage',
] as const satisfies readonly TelemetryFieldName[];

/** The server notices a dead socket only by its silence. */
const SOCKET_TIMEOUT_MS = MINUTE_MS;

export interface MqttMessage {
  readonly topic: string;
  readonly payload: string;
}

/**
 * What Tesla's telemetry server publishes about one car: its fields, each on its own topic, in any order and only when
 * they change; and its connections. A new connection does not make the car say everything again.
 */
export class TelemetryStream {
  readonly #car: SimulatedCar;
  readonly #config: TelemetryConfig;
  readonly #random: Random;
  readonly #sent = new Map<TelemetryFieldName, { readonly payload: string; readonly atMs: number }>();
  #connectionId: string | null;
  #connectedAtMs = 0;
  /** What a stuck car said while it last charged. */
  #stuck: Partial<TelemetryValues> = {};
  #deadSockets: { readonly connectionId: string; readonly noticedAtMs: number }[] = [];

  /**
   * @param openConnectionId a connection that an earlier life of this process left open. The server sees it close, and
   * the car, which has forgotten what it sent, says everything again.
   */
  constructor(car: SimulatedCar, config: TelemetryConfig, random: Random, openConnectionId: string | null) {
    this.#car = car;
    this.#config = config;
    this.#random = random;
    this.#connectionId = null;
    if (openConnectionId !== null) this.#deadSockets.push({ connectionId: openConnectionId, noticedAtMs: -Infinity });
  }

  get openConnectionId(): string | null {
    return this.#connectionId;
  }

  /** Messages that are due at the car's present instant. */
  collect(): MqttMessage[] {
    const { awake, atMs } = this.#car.state;
    const messages: MqttMessage[] = [];
    const reachable = awake && this.#car.networkUp;
    const { flapEveryMs = Infinity } = this.#car.faults;
    if (reachable && this.#connectionId !== null && atMs - this.#connectedAtMs >= flapEveryMs) {
      this.#deadSockets.push({ connectionId: this.#connectionId, noticedAtMs: atMs });
      this.#connectionId = null;
    }
    if (reachable && this.#connectionId === null) {
      this.#connectionId = this.#newConnectionId();
      this.#connectedAtMs = atMs;
      messages.push(this.#connectivity(this.#connectionId, 'CONNECTED', atMs));
    }
    if (!reachable && this.#connectionId !== null) {
      // A car that goes to sleep closes its socket; one that is cut off cannot.
      const noticedAtMs = this.#car.networkUp ? atMs : atMs + SOCKET_TIMEOUT_MS;
      this.#deadSockets.push({ connectionId: this.#connectionId, noticedAtMs });
      this.#connectionId = null;
    }
    for (const dead of this.#deadSockets.filter(({ noticedAtMs }) => noticedAtMs <= atMs)) {
      messages.push(this.#connectivity(dead.connectionId, 'DISCONNECTED', atMs));
    }
    this.#deadSockets = this.#deadSockets.filter(({ noticedAtMs }) => noticedAtMs > atMs);
    if (this.#connectionId !== null) messages.push(...this.#changedFields(atMs));
    return messages;
  }

  #changedFields(atMs: number): MqttMessage[] {
    const { vehicleId, firmware } = this.#car.spec;
    const values = this.#values();
    const messages: MqttMessage[] = [];
    for (const name of TELEMETRY_FIELD_NAMES) {
      const payload = telemetryPayload(name, values[name], firmware);
      if (!this.#isDue(name, payload, atMs)) continue;
      this.#sent.set(name, { payload, atMs });
      messages.push({ topic: topics.telemetryField(this.#config.baseTopic, vehicleId, name), payload });
    }
    return shuffled(messages, this.#random);
  }

  #values(): TelemetryValues {
    const values = readSensors(this.#car);
    if (!this.#car.faults.staysCharging) return values;
    if (values.DetailedChargeState === 'Charging') {
      this.#stuck = Object.fromEntries(STUCK_FIELDS.map((name) => [name, values[name]]));
    }
    return { ...values, ...this.#stuck };
  }

  #isDue(name: TelemetryFieldName, payload: string, atMs: number): boolean {
    const field: TelemetryField = TELEMETRY_FIELDS[name];
    const last = this.#sent.get(name);
    if (last === undefined) return true;
    const silentMs = atMs - last.atMs;
    if (last.payload === payload) return field.resend === true && silentMs >= this.#config.resendIntervalMs;
    return silentMs >= (field.fast ? this.#config.fastIntervalMs : this.#config.slowIntervalMs);
  }

  #connectivity(connectionId: string, status: 'CONNECTED' | 'DISCONNECTED', atMs: number): MqttMessage {
    const wholeSeconds = new Date(Math.floor(atMs / 1000) * 1000).toISOString().replace('.000', '');
    return {
      topic: topics.connectivity(this.#config.baseTopic, this.#car.spec.vehicleId),
      payload: JSON.stringify({ ConnectionId: connectionId, Status: status, CreatedAt: wholeSeconds }),
    };
  }

  #newConnectionId(): string {
    const hex = Array.from({ length: 32 }, () => Math.floor(this.#random() * 16).toString(16)).join('');
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  }
}

/** Fisher and Yates. */
function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  const result = [...items];
  for (let index = result.length - 1; index > 0; index -= 1) {
    const other = Math.floor(random() * (index + 1));
    const moved = result[index];
    const swapped = result[other];
    if (moved === undefined || swapped === undefined) continue;
    result[index] = swapped;
    result[other] = moved;
  }
  return result;
}
