import type { Logger } from 'pino';
import { HOUR_MS, MINUTE_MS } from '../../domain/durations.ts';
import type { JournalLine } from '../../domain/journal.ts';
import type { Cell } from '../../store/cells.ts';
import { isRefusedData, type Database } from '../../store/database.ts';
import { addHeardHours, type HeardHour } from '../../store/heardHours.ts';
import { appendJournal } from '../../store/journal.ts';
import { recordMeterReadings, type VehicleReading } from '../../store/meters.ts';
import { updateClaims, type ClaimUpdate } from '../../store/vehicleClaims.ts';
import { upsertVehicleStates, type VehicleState } from '../../store/vehicleStates.ts';
import { socPercentOf, type FusedState } from './fusedState.ts';

interface Pending {
  readonly states: Map<string, VehicleState>;
  readonly claims: Map<string, ClaimUpdate>;
  readonly lines: JournalLine[];
  /** By car and hour. */
  readonly heard: Map<string, HeardHour>;
  readonly followUps: (() => void)[];
}

interface SlotReadings {
  readonly first: VehicleReading;
  readonly last: VehicleReading;
}

/**
 * Gathers what telemetry changes, so that thousands of messages are one transaction. While PostgreSQL is away it
 * keeps one state a car and two readings a car and slot: the fleet bounds it, not the length of the outage.
 */
export class WriteBatch {
  readonly #database: Database;
  readonly #cell: Cell;
  readonly #logger: Pick<Logger, 'error'>;
  readonly #onRefused: () => void;
  #pending: Pending = { states: new Map(), claims: new Map(), lines: [], heard: new Map(), followUps: [] };
  #readings = new Map<string, SlotReadings>();
  readonly #heardLast = new Map<string, number>();

  /** @param onRefused told of each car whose data the database refuses, for whatever it is given up */
  constructor(database: Database, cell: Cell, logger: Pick<Logger, 'error'>, onRefused: () => void = () => {}) {
    this.#database = database;
    this.#cell = cell;
    this.#logger = logger;
    this.#onRefused = onRefused;
  }

  addState(vehicleId: string, fused: FusedState, atMs: number): void {
    this.#pending.states.set(vehicleId, {
      vehicleId,
      fused,
      pluggedIn: fused.plug === 'plugged',
      online: fused.online,
      socPercent: socPercentOf(fused),
      updatedAtMs: atMs,
    });
  }

  /**
   * It has answered, so that it could have been asked to compute.
   * @param atMs by our clock: what a car says of its own may be anything
   */
  hear(vehicleId: string, atMs: number): void {
    const hourMs = Math.floor(atMs / HOUR_MS) * HOUR_MS;
    // Told once an hour: thousands of messages say the same.
    if (this.#heardLast.get(vehicleId) === hourMs) return;
    this.#heardLast.set(vehicleId, hourMs);
    this.#pending.heard.set(`${vehicleId}/${hourMs}`, { vehicleId, hourMs });
  }

  /** Of several changes of one car within a batch only the last is a transition. */
  addClaims(update: ClaimUpdate): void {
    const endsPlan = update.endsPlan === true || this.#pending.claims.get(update.vehicleId)?.endsPlan === true;
    this.#pending.claims.set(update.vehicleId, { ...update, endsPlan });
  }

  addLine(line: JournalLine): void {
    this.#pending.lines.push(line);
  }

  /** Calls `followUp` once what has been added so far is stored. */
  afterWrite(followUp: () => void): void {
    this.#pending.followUps.push(followUp);
  }

  /**
   * Of several readings in one slot the first and the last are kept: the energy of every slot is the same. The first
   * tells what the slots before it took, up to a car that drew nothing until then.
   */
  addReading(reading: VehicleReading): void {
    const slot = Math.floor(reading.atMs / (this.#cell.slotMinutes * MINUTE_MS));
    const key = `${reading.vehicleId}/${slot}`;
    const known = this.#readings.get(key);
    if (!known) this.#readings.set(key, { first: reading, last: reading });
    else if (reading.atMs < known.first.atMs) this.#readings.set(key, { ...known, first: reading });
    else if (reading.atMs > known.last.atMs) this.#readings.set(key, { ...known, last: reading });
  }

  /** Stores what was added; when that fails it is kept for the next time, and the error is thrown. */
  async write(): Promise<void> {
    await this.#writeStates();
    await this.#writeReadings();
  }

  async #writeStates(): Promise<void> {
    const taken = this.#pending;
    if (taken.states.size === 0 && taken.lines.length === 0 && taken.heard.size === 0) return;
    this.#pending = { states: new Map(), claims: new Map(), lines: [], heard: new Map(), followUps: [] };
    try {
      await this.#store(taken).catch((error: unknown) => this.#storeEachCar(taken, error));
    } catch (error) {
      const newer = this.#pending;
      this.#pending = {
        states: new Map([...taken.states, ...newer.states]),
        claims: taken.claims,
        lines: [...taken.lines, ...newer.lines],
        heard: new Map([...taken.heard, ...newer.heard]),
        followUps: [...taken.followUps, ...newer.followUps],
      };
      for (const update of newer.claims.values()) this.addClaims(update);
      throw error;
    }
    for (const followUp of taken.followUps) followUp();
  }

  async #store({ states, claims, lines, heard }: Omit<Pending, 'followUps'>): Promise<void> {
    await this.#database.transaction(async (tx) => {
      await upsertVehicleStates(tx, [...states.values()]);
      await addHeardHours(tx, [...heard.values()]);
      const held = await updateClaims(tx, [...claims.values()]);
      await appendJournal(tx, this.#cell.id, [...lines, ...held]);
    });
  }

  /**
   * What PostgreSQL refuses of one car is given up, and all others are stored.
   * @throws the error when it is no fault of the data
   */
  async #storeEachCar({ states, claims, lines, heard }: Pending, error: unknown): Promise<void> {
    if (!isRefusedData(error)) throw error;
    const heardIds = [...heard.values()].map(({ vehicleId }) => vehicleId);
    for (const vehicleId of new Set([...states.keys(), ...lines.map(({ subject }) => subject), ...heardIds])) {
      const [state, claim] = [states.get(vehicleId), claims.get(vehicleId)];
      const own = {
        states: new Map(state && [[vehicleId, state]]),
        claims: new Map(claim && [[vehicleId, claim]]),
        lines: lines.filter(({ subject }) => subject === vehicleId),
        heard: new Map([...heard].filter(([, each]) => each.vehicleId === vehicleId)),
      };
      await this.#store(own).catch((cause: unknown) => this.#giveUp(vehicleId, cause));
    }
  }

  #giveUp(vehicleId: string, error: unknown): void {
    if (!isRefusedData(error)) throw error;
    this.#onRefused();
    this.#logger.error({ err: error, vehicleId }, 'what a car said cannot be stored and is given up');
  }

  async #writeReadings(): Promise<void> {
    const taken = this.#readings;
    if (taken.size === 0) return;
    this.#readings = new Map();
    try {
      await this.#storeReadings([...taken.values()]).catch((error: unknown) => this.#storeEachMeter(taken, error));
    } catch (error) {
      const newer = this.#readings;
      this.#readings = taken;
      for (const { first, last } of newer.values()) for (const reading of [first, last]) this.addReading(reading);
      throw error;
    }
  }

  async #storeReadings(readings: readonly SlotReadings[]): Promise<void> {
    const both = readings.flatMap(({ first, last }) => (first === last ? [first] : [first, last]));
    await recordMeterReadings(this.#database, this.#cell, both);
  }

  /** As for states: one car's reading that cannot be stored holds up no other's. */
  async #storeEachMeter(readings: ReadonlyMap<string, SlotReadings>, error: unknown): Promise<void> {
    if (!isRefusedData(error)) throw error;
    for (const vehicleId of new Set([...readings.values()].map(({ first }) => first.vehicleId))) {
      const own = [...readings.values()].filter(({ first }) => first.vehicleId === vehicleId);
      await this.#storeReadings(own).catch((cause: unknown) => this.#giveUp(vehicleId, cause));
    }
  }
}
