import { gridTimeMs, type Clock } from '../domain/clock.ts';
import { HARDWARE_CLASSES } from '../domain/hardwareClasses.ts';
import { topics } from '../domain/names.ts';
import type { SetpointProfile } from '../domain/setpoints.ts';
import { computeCapKw, heatDerating } from '../scheduler/energy/compute.ts';
import type { CarConditions, CarHost, CarListener } from './carHost.ts';
import type { CarSpec } from './carSpec.ts';
import type { CarScript } from './mobility.ts';
import { createPacer, type Pacer } from './pacing.ts';
import type { MqttMessage, TelemetryStream } from './telemetry.ts';
import { SLEEP_AFTER_MS, type CarEvent, type SimulatedCar } from './vehicle.ts';
import type { Weather } from './weather.ts';

/** A third of the time after which a car falls asleep, so that none is awake without having said what it has to say. */
const LONGEST_SILENCE_MS = SLEEP_AFTER_MS / 3;

/** A car of a scenario: what it is, what it does, and the weather around it. */
export interface ScenarioCar {
  readonly spec: CarSpec;
  readonly script: CarScript;
  readonly weather: Weather;
}

/** One car on the real clock: its simulation, its telemetry, and the agent that listens to it. */
export class FleetMember implements CarHost {
  readonly car: SimulatedCar;
  readonly stream: TelemetryStream;
  readonly pacer: Pacer;
  readonly #clock: Clock;
  readonly #listeners = new Set<CarListener>();
  /** Newest profile on the broker; the car gets it as soon as it has a network. */
  #profileInTheAir: SetpointProfile | null | undefined;
  #meterMessages: MqttMessage[] = [];
  readonly #untold: CarEvent[] = [];
  #telling = false;

  constructor(car: SimulatedCar, stream: TelemetryStream, clock: Clock) {
    this.car = car;
    this.stream = stream;
    this.#clock = clock;
    this.pacer = createPacer({
      clock,
      hardwareClass: car.spec.hardwareClass,
      speedShare: () => heatDerating(car.ambientC),
    });
  }

  get vehicleId(): string {
    return this.car.spec.vehicleId;
  }

  get regionId(): string {
    return this.car.spec.regionId;
  }

  get hardwareClass(): CarSpec['hardwareClass'] {
    return this.car.spec.hardwareClass;
  }

  conditions(): CarConditions {
    return this.car.conditions();
  }

  listen(listener: CarListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  computeKw(): number {
    return computeCapKw(HARDWARE_CLASSES[this.hardwareClass].chipKw, this.car.ambientC);
  }

  computeDraw(kw: number): void {
    this.count();
    this.car.drawCompute(kw);
  }

  /** Counts what was drawn until now. */
  count(): void {
    this.#advanceTo(gridTimeMs(this.#clock, Date.now()));
  }

  receiveProfile(profile: SetpointProfile | null): void {
    this.#profileInTheAir = profile;
  }

  receiveWake(): void {
    if (this.car.networkUp) this.car.requestWake();
  }

  /**
   * Lives until now and gives what the car has to say to the broker. When the process comes late, that is also what it
   * had to say on the way: a car that was awake only in between would never be heard of.
   */
  live(): { readonly telemetry: readonly MqttMessage[]; readonly meter: readonly MqttMessage[] } {
    const nowMs = gridTimeMs(this.#clock, Date.now());
    const telemetry: MqttMessage[] = [];
    do {
      this.#advanceTo(Math.min(nowMs, this.car.state.atMs + LONGEST_SILENCE_MS));
      telemetry.push(...this.stream.collect());
    } while (this.car.state.atMs < nowMs);
    if (!this.car.networkUp) return { telemetry, meter: [] };
    const meter = this.#meterMessages;
    this.#meterMessages = [];
    return { telemetry, meter };
  }

  #advanceTo(toMs: number): void {
    const events = this.car.advanceTo(toMs);
    if (this.#profileInTheAir !== undefined && this.car.networkUp) {
      this.car.follow(this.#profileInTheAir);
      this.#profileInTheAir = undefined;
    }
    this.#untold.push(...events);
    this.#tellInOrder();
  }

  /** A listener may make the car advance again; what that brings is told after what is being told now. */
  #tellInOrder(): void {
    if (this.#telling) return;
    this.#telling = true;
    try {
      for (let event = this.#untold.shift(); event !== undefined; event = this.#untold.shift()) this.#tell(event);
    } finally {
      this.#telling = false;
    }
  }

  #tell(event: CarEvent): void {
    switch (event.kind) {
      case 'hold':
        for (const listener of this.#listeners) listener.onHold?.(event.reason);
        break;
      case 'release':
        for (const listener of this.#listeners) listener.onRelease?.(event.reason);
        break;
      case 'awake':
        for (const listener of this.#listeners) listener.onAwake?.(event.awake);
        break;
      case 'network':
        for (const listener of this.#listeners) listener.onNetwork?.(event.up);
        break;
      case 'power':
        for (const listener of this.#listeners) listener.onPower?.(event.up);
        break;
      case 'meter':
        this.#meterMessages.push({ topic: topics.meter(this.vehicleId), payload: JSON.stringify(event.reading) });
        break;
    }
  }
}
