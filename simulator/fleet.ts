import { setTimeout as delay } from 'node:timers/promises';
import type { MqttClient } from 'mqtt';
import pLimit from 'p-limit';
import type { Logger } from 'pino';
import type { Clock } from '../domain/clock.ts';
import { parseJson } from '../domain/json.ts';
import { topics } from '../domain/names.ts';
import { setpointProfileSchema, type SetpointProfile } from '../domain/setpoints.ts';
import { profileUnderShed, shedOrderSchema, type ShedOrder } from '../domain/sheds.ts';
import type { CarHost } from './carHost.ts';
import { initialCarState } from './carState.ts';
import { FleetMember, type ScenarioCar } from './fleetMember.ts';
import { seededRandom } from '../domain/random.ts';
import { derivedSeed } from './random.ts';
import { loadFleet, saveFleet, type SavedFleet } from './stateFile.ts';
import { TELEMETRY_CONFIG, TelemetryStream, type MqttMessage, type TelemetryConfig } from './telemetry.ts';
import { SimulatedCar } from './vehicle.ts';

const STEP_REAL_MS = 100;
const SAVE_EVERY_REAL_MS = 1_000;
/** MQTT has 65,535 packet ids; a large fleet that connects at once would use them up and never get one back. */
const MAX_UNACKNOWLEDGED = 5_000;

export interface SimulatedFleetOptions {
  readonly scenario: string;
  /** Grid time at which the script begins. */
  readonly startMs: number;
  readonly cars: readonly ScenarioCar[];
  readonly seed: number;
  readonly clock: Clock;
  /** Connected, MQTT 3.1.1. The caller ends it. */
  readonly mqtt: MqttClient;
  /** Where the cars are kept, so that a killed process goes on where it was; null keeps them nowhere. */
  readonly stateFile: string | null;
  readonly logger: Logger;
  readonly telemetry?: TelemetryConfig;
  /** How often each car lives, in real time; large fleets take turns. Left out: as often as the fleet steps. */
  readonly carEveryRealMs?: number;
}

/**
 * Cars on the scaled clock that speak MQTT like real ones. One connection serves all, as Tesla's telemetry server's
 * does. The agents on board are the caller's: it attaches them to `hosts`.
 */
export class SimulatedFleet {
  readonly #options: SimulatedFleetOptions;
  readonly #members: readonly FleetMember[];
  readonly #byId: ReadonlyMap<string, FleetMember>;
  readonly #orders = new Map<string, { profile: SetpointProfile | null; shed: ShedOrder | null }>();
  readonly #stopping = new AbortController();
  readonly #turns: number;
  /** Two at once would write into each other's file. */
  readonly #saving = pLimit(1);
  #unacknowledged = 0;
  #turn = 0;
  #savedRealMs = 0;

  private constructor(options: SimulatedFleetOptions, members: readonly FleetMember[]) {
    this.#options = options;
    this.#members = members;
    this.#byId = new Map(members.map((member) => [member.vehicleId, member]));
    this.#turns = Math.max(1, Math.round((options.carEveryRealMs ?? STEP_REAL_MS) / STEP_REAL_MS));
  }

  /** Reads what an earlier process saved; the time since then is lived through at the first step. */
  static async load(options: SimulatedFleetOptions): Promise<SimulatedFleet> {
    const saved = options.stateFile === null ? undefined : await loadFleet(options.stateFile, options.scenario);
    return new SimulatedFleet(
      options,
      options.cars.map((scenarioCar) => createMember(options, scenarioCar, saved)),
    );
  }

  get hosts(): readonly CarHost[] {
    return this.#members;
  }

  /** Lives until `stop`. Attach the agents before. */
  async run(): Promise<void> {
    await this.#listenToBroker();
    while (!this.#stopping.signal.aborted) {
      const startedRealMs = Date.now();
      // Without a broker cars go on living; what they say is the client's to keep.
      if (this.#unacknowledged <= MAX_UNACKNOWLEDGED || !this.#options.mqtt.connected) await this.#step();
      await delay(Math.max(0, startedRealMs + STEP_REAL_MS - Date.now()), undefined, {
        signal: this.#stopping.signal,
      }).catch(() => {});
    }
    await this.#save();
  }

  stop(): void {
    this.#stopping.abort();
  }

  /** Stores the car's register as of now: what it is paid for by then must outlive a kill of this process. */
  async saveRegister(vehicleId: string): Promise<void> {
    this.#byId.get(vehicleId)?.count();
    await this.#save();
  }

  async #step(): Promise<void> {
    const isTheirTurn = (_: FleetMember, index: number): boolean => index % this.#turns === this.#turn;
    const said = this.#members.filter(isTheirTurn).map((member) => member.live());
    this.#turn = (this.#turn + 1) % this.#turns;
    const readings = said.flatMap(({ meter }) => meter);
    // Saved before it is said: registers that went down after a kill would look like a tampered meter.
    if (readings.length > 0 || Date.now() - this.#savedRealMs >= SAVE_EVERY_REAL_MS) await this.#save();
    for (const message of [...said.flatMap(({ telemetry }) => telemetry), ...readings]) this.#publish(message);
  }

  async #save(): Promise<void> {
    await this.#saving(() => this.#saveNow());
  }

  async #saveNow(): Promise<void> {
    const { stateFile, scenario } = this.#options;
    if (stateFile === null) return;
    const cars = this.#members.map(({ vehicleId, car, stream }) => [
      vehicleId,
      { state: car.state, openConnectionId: stream.openConnectionId },
    ]);
    this.#savedRealMs = Date.now();
    await saveFleet(stateFile, { scenario, cars: Object.fromEntries(cars) });
  }

  #publish({ topic, payload }: MqttMessage): void {
    this.#unacknowledged += 1;
    this.#options.mqtt.publish(topic, payload, { qos: 1, retain: true }, (error) => {
      this.#unacknowledged -= 1;
      if (error) this.#options.logger.warn({ err: error, topic }, 'publishing failed');
    });
  }

  async #listenToBroker(): Promise<void> {
    const { mqtt } = this.#options;
    mqtt.on('message', (topic, payload) => this.#receive(topic, payload.toString()));
    // Without a connection this fails, and the client makes it up at the next one.
    await mqtt
      .subscribeAsync([topics.setpoints('+'), topics.shed('+'), topics.wake('+')], { qos: 1 })
      .catch(() => undefined);
  }

  #receive(topic: string, payload: string): void {
    const vehicleId = topic.split('/')[1] ?? '';
    const member = this.#byId.get(vehicleId);
    if (member === undefined) return;
    if (topic === topics.wake(vehicleId)) member.receiveWake();
    if (topic === topics.setpoints(vehicleId)) this.#receiveSetpoints(member, payload);
    if (topic === topics.shed(vehicleId)) this.#receiveShed(member, payload);
  }

  #receiveSetpoints(member: FleetMember, payload: string): void {
    // An empty retained message is MQTT's way to withdraw one.
    if (payload === '') return this.#follow(member, { profile: null });
    const profile = setpointProfileSchema.safeParse(parseJson(payload));
    if (profile.success) return this.#follow(member, { profile: profile.data });
    this.#options.logger.warn(
      { vehicleId: member.vehicleId, issues: profile.error.issues },
      'setpoints not understood',
    );
  }

  #receiveShed(member: FleetMember, payload: string): void {
    const order = payload === '' ? null : shedOrderSchema.safeParse(parseJson(payload));
    if (order === null) return this.#follow(member, { shed: null });
    if (order.success) return this.#follow(member, { shed: order.data });
    this.#options.logger.warn({ vehicleId: member.vehicleId, issues: order.error.issues }, 'shed order not understood');
  }

  /** A car's charger goes by the newest profile and the newest order together. */
  #follow(member: FleetMember, news: { profile?: SetpointProfile | null; shed?: ShedOrder | null }): void {
    const known = this.#orders.get(member.vehicleId) ?? { profile: null, shed: null };
    const { profile, shed } = { ...known, ...news };
    this.#orders.set(member.vehicleId, { profile, shed });
    member.receiveProfile(shed === null ? profile : profileUnderShed(profile, shed));
  }
}

function createMember(options: SimulatedFleetOptions, car: ScenarioCar, saved: SavedFleet | undefined): FleetMember {
  const { vehicleId } = car.spec;
  const seed = derivedSeed(options.seed, vehicleId);
  const before = saved?.cars[vehicleId];
  const state = before?.state ?? initialCarState(car.script, options.startMs);
  const simulated = new SimulatedCar({ ...car, seed, state });
  // Seeded by the instant too, or a restarted process would hand out its first connection ids again.
  const random = seededRandom(derivedSeed(seed, `stream ${state.atMs}`));
  const telemetry = options.telemetry ?? TELEMETRY_CONFIG;
  const stream = new TelemetryStream(simulated, telemetry, random, before?.openConnectionId ?? null);
  return new FleetMember(simulated, stream, options.clock);
}
