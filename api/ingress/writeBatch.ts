import type { JournalLine } from '../../domain/journal.ts';
import type { Cell } from '../../store/cells.ts';
import type { Database } from '../../store/database.ts';
import { appendJournal } from '../../store/journal.ts';
import { recordMeterReadings, type VehicleReading } from '../../store/meters.ts';
import { updateClaims, type ClaimUpdate } from '../../store/vehicleClaims.ts';
import { upsertVehicleStates, type VehicleState } from '../../store/vehicleStates.ts';
import { socPercentOf, type FusedState } from './fusedState.ts';

interface Pending {
  readonly states: Map<string, VehicleState>;
  readonly claims: Map<string, ClaimUpdate>;
  readonly lines: JournalLine[];
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
  readonly #db: Database;
  readonly #cell: Cell;
  #pending: Pending = { states: new Map(), claims: new Map(), lines: [], followUps: [] };
  #readings = new Map<string, SlotReadings>();

  constructor(db: Database, cell: Cell) {
    this.#db = db;
    this.#cell = cell;
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
    const slot = Math.floor(reading.atMs / (this.#cell.slotMinutes * 60_000));
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
    if (taken.states.size === 0 && taken.lines.length === 0) return;
    this.#pending = { states: new Map(), claims: new Map(), lines: [], followUps: [] };
    try {
      await this.#db.transaction(async (tx) => {
        await upsertVehicleStates(tx, [...taken.states.values()]);
        const held = await updateClaims(tx, [...taken.claims.values()]);
        await appendJournal(tx, this.#cell.id, [...taken.lines, ...held]);
      });
    } catch (error) {
      const newer = this.#pending;
      this.#pending = {
        states: new Map([...taken.states, ...newer.states]),
        claims: taken.claims,
        lines: [...taken.lines, ...newer.lines],
        followUps: [...taken.followUps, ...newer.followUps],
      };
      for (const update of newer.claims.values()) this.addClaims(update);
      throw error;
    }
    for (const followUp of taken.followUps) followUp();
  }

  async #writeReadings(): Promise<void> {
    const taken = this.#readings;
    if (taken.size === 0) return;
    this.#readings = new Map();
    try {
      const readings = [...taken.values()].flatMap(({ first, last }) => (first === last ? [first] : [first, last]));
      await recordMeterReadings(this.#db, this.#cell, readings);
    } catch (error) {
      const newer = this.#readings;
      this.#readings = taken;
      for (const { first, last } of newer.values()) for (const reading of [first, last]) this.addReading(reading);
      throw error;
    }
  }
}
