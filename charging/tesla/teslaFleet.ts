import { setTimeout as sleep } from 'node:timers/promises';
import type { MqttClient } from 'mqtt';
import type { Logger } from 'pino';
import { meterMessage } from '../plugTelemetry.ts';
import { CarCommander, keptCarSchema, type PresentStay } from './carCommander.ts';
import { FleetApi } from './fleetApi.ts';
import type { TelemetryServer } from './telemetryConfig.ts';
import { accountTokensSchema, TokenKeeper } from './tokenKeeper.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { parseJson } from '../../domain/json.ts';
import { topics } from '../../domain/names.ts';
import type { Cell } from '../../store/cells.ts';
import type { Database } from '../../store/database.ts';
import { appendJournal } from '../../store/journal.ts';
import { readOpenParkingSession } from '../../store/parkingSessions.ts';
import type { Seal } from '../../store/seal.ts';
import {
  listTeslaCars,
  readTeslaTokens,
  saveTeslaCar,
  saveTeslaTokens,
  type KnownTeslaCar,
} from '../../store/teslaCars.ts';
import { readVehicleState } from '../../store/vehicleStates.ts';

/** How the Fleet API is reached, and what it may cost. */
export interface FleetAccess {
  readonly apiUrl: string;
  readonly commandUrl: string;
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  readonly maxUsdPerCarMonth: number;
}

export interface TeslaFleetPorts {
  readonly database: Database;
  readonly cell: Cell;
  readonly mqtt: MqttClient;
  readonly seal: Seal;
  readonly config: FleetAccess;
  /** Where cars are to stream to; null: somebody else says so. */
  readonly telemetry: TelemetryServer | null;
  readonly telemetryBase: string;
  /** Real time, epoch ms. */
  readonly now: () => number;
  readonly log: Logger;
}

interface FollowedCar {
  readonly commander: CarCommander;
  readonly topics: readonly string[];
  /** What it is followed with. */
  readonly enrolment: string;
}

/** How often what is enrolled is read again. */
const RELOAD_REAL_MS = 5_000;

/** Every car of the cell that is told by commands, each with its own commander. */
export class TeslaFleet {
  readonly #ports: TeslaFleetPorts;
  readonly #cars = new Map<string, FollowedCar>();
  readonly #tokens = new Map<string, TokenKeeper>();
  readonly #byTopic = new Map<string, (payload: string, retained: boolean) => unknown>();
  readonly #stopping = new AbortController();
  #following: Promise<void> | undefined;

  constructor(ports: TeslaFleetPorts) {
    this.#ports = ports;
    ports.mqtt.on('message', (topic, payload, { retain }) => {
      const taken = this.#byTopic.get(topic)?.(payload.toString('utf8'), retain);
      if (taken instanceof Promise) this.#orLog(taken);
    });
  }

  /** Follows the cars that are enrolled, those that come and not those that go, until it is closed. */
  start(): void {
    this.#following ??= this.#follow();
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#following;
    for (const { commander } of this.#cars.values()) await commander.close();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#reload().catch((error: unknown) =>
        this.#ports.log.warn({ err: error }, 'the cars could not be read; those that were known go on'),
      );
      await sleep(RELOAD_REAL_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #reload(): Promise<void> {
    const { database, cell, mqtt } = this.#ports;
    const cars = new Map((await listTeslaCars(database, cell.id)).map((car) => [car.vehicleId, car]));
    for (const [vin, followed] of this.#cars) {
      const car = cars.get(vin);
      if (car && enrolmentOf(car) === followed.enrolment) continue;
      this.#cars.delete(vin);
      for (const topic of followed.topics) this.#byTopic.delete(topic);
      await mqtt.unsubscribeAsync([...followed.topics]).catch(() => undefined);
      await followed.commander.close();
    }
    for (const [vin, car] of cars) if (!this.#cars.has(vin)) await this.#add(car);
  }

  async #add(car: KnownTeslaCar): Promise<void> {
    const { mqtt, telemetryBase } = this.#ports;
    const { vehicleId: vin } = car;
    const commander = this.#commanderOf(car);
    const field = (name: string) => topics.telemetryField(telemetryBase, vin, name);
    const wanted = new Map<string, (payload: string, retained: boolean) => unknown>([
      [topics.setpoints(vin), (payload) => commander.receiveSetpoints(payload)],
      [topics.shed(vin), (payload) => commander.receiveShed(payload)],
      [topics.computeMeter(vin), (payload) => commander.receiveCompute(payload)],
      [topics.wake(vin), (payload) => (payload === '' ? undefined : commander.receiveWake())],
      [field('DetailedChargeState'), (payload) => commander.receiveChargeState(payload)],
      [field('ACChargingPower'), withNumber((kw, retained) => commander.receivePower(kw, retained))],
      [field('ACChargingEnergyIn'), withNumber((kwh) => commander.receiveEnergy(kwh))],
      [
        topics.connectivity(telemetryBase, vin),
        (payload, retained) => (!retained && payload.includes('"CONNECTED"') ? commander.receiveOnline() : undefined),
      ],
    ]);
    // Before they are asked for: retained messages come at once.
    for (const [topic, receive] of wanted) this.#byTopic.set(topic, receive);
    this.#cars.set(vin, { commander, topics: [...wanted.keys()], enrolment: enrolmentOf(car) });
    // Without a connection this fails, and the client makes it up at the next one.
    await mqtt.subscribeAsync([...wanted.keys()], { qos: 1 }).catch(() => undefined);
    this.#orLog(commander.tick());
  }

  #commanderOf(car: KnownTeslaCar): CarCommander {
    const { database, cell, mqtt, config, telemetry, now, log } = this.#ports;
    const { vehicleId: vin, accountId, phases, maxAmps, metersCompute } = car;
    const { apiUrl, commandUrl, maxUsdPerCarMonth: maxUsdPerMonth } = config;
    return new CarCommander(
      { vin, supply: { phases, maxAmps, metersCompute }, clock: cell.clock, maxUsdPerMonth, telemetry },
      {
        api: new FleetApi({ apiUrl, commandUrl, tokens: this.#tokensOf(accountId), now }),
        stay: () => this.#stayOf(vin),
        save: (kept) => saveTeslaCar(database, vin, kept),
        publishMeter: (reading) => {
          const { topic, payload } = meterMessage(vin, reading);
          this.#orLog(mqtt.publishAsync(topic, payload, { qos: 1, retain: true }));
        },
        tell: (message) => {
          const atMs = Math.round(gridTimeMs(cell.clock, now()));
          this.#orLog(appendJournal(database, cell.id, [{ atMs, kind: 'fallback', subject: vin, message }]));
        },
        now,
        log: log.child({ vehicleId: vin }),
      },
      keptCarSchema.parse(car.state ?? {}),
    );
  }

  /** One for each account: its exchanges must not run side by side. */
  #tokensOf(accountId: string): TokenKeeper {
    const { database, seal, config, now } = this.#ports;
    const known = this.#tokens.get(accountId);
    if (known) return known;
    const keeper = new TokenKeeper({
      ...config,
      load: async () => accountTokensSchema.parse(parseJson(await readTeslaTokens(database, seal, accountId))),
      save: (tokens) => saveTeslaTokens(database, seal, accountId, JSON.stringify(tokens)),
      now,
    });
    this.#tokens.set(accountId, keeper);
    return keeper;
  }

  async #stayOf(vin: string): Promise<PresentStay | undefined> {
    const { database } = this.#ports;
    const state = await readVehicleState(database, vin);
    return state?.pluggedIn ? readOpenParkingSession(database, vin) : undefined;
  }

  #orLog(work: Promise<unknown>): void {
    work.catch((error: unknown) =>
      this.#ports.log.warn({ err: error }, 'a car could not be followed; it is tried again'),
    );
  }
}

function withNumber(take: (value: number, retained: boolean) => unknown) {
  return (payload: string, retained: boolean): unknown => {
    const value = Number(parseJson(payload) ?? Number.NaN);
    return Number.isFinite(value) && value >= 0 ? take(value, retained) : undefined;
  };
}

function enrolmentOf({ accountId, phases, maxAmps, metersCompute }: KnownTeslaCar): string {
  return JSON.stringify([accountId, phases, maxAmps, metersCompute]);
}
