import { MINUTE_MS } from '../domain/durations.ts';
import type { JournalLine } from '../domain/journal.ts';
import type { MeterReading } from '../domain/setpoints.ts';
import { columns, instant, type Queryable } from './database.ts';
import { appendJournal } from './journal.ts';

/** Energy of one car at the plug in one slot. */
export interface MeterInterval {
  readonly vehicleId: string;
  readonly slotStartMs: number;
  readonly chargingKwh: number;
  readonly computeKwh: number;
}

export interface VehicleReading extends MeterReading {
  readonly vehicleId: string;
}

/** The rise of the registers between two readings, shared out evenly in time over the slots it spans. */
export function splitOverSlots(
  from: MeterReading,
  to: MeterReading,
  slotMs: number,
): Omit<MeterInterval, 'vehicleId'>[] {
  const durationMs = to.atMs - from.atMs;
  const chargingKwh = to.chargingKwh - from.chargingKwh;
  const computeKwh = to.computeKwh - from.computeKwh;
  if (durationMs <= 0 || (chargingKwh === 0 && computeKwh === 0)) return [];
  const intervals: Omit<MeterInterval, 'vehicleId'>[] = [];
  for (let slotStartMs = Math.floor(from.atMs / slotMs) * slotMs; slotStartMs < to.atMs; slotStartMs += slotMs) {
    const overlapMs = Math.min(to.atMs, slotStartMs + slotMs) - Math.max(from.atMs, slotStartMs);
    const share = overlapMs / durationMs;
    intervals.push({ slotStartMs, chargingKwh: chargingKwh * share, computeKwh: computeKwh * share });
  }
  return intervals;
}

/**
 * Takes readings of cumulative registers into the energy of each car and slot. Readings may come twice, late and in
 * any order: one that is not newer than the last accepted one is left out. The first reading of a car is where its
 * counting starts. A register that has fallen is refused with a journal line, and so is every reading until it has
 * risen above the last accepted one again: counting from the lower value would pay the same energy twice.
 * Readings of cars that are not enrolled in the cell are left out.
 */
export async function recordMeterReadings(
  database: Queryable,
  cell: { readonly id: string; readonly slotMinutes: number },
  readings: readonly VehicleReading[],
): Promise<void> {
  if (readings.length === 0) return;
  const slotMs = cell.slotMinutes * MINUTE_MS;
  const vehicleIds = [...new Set(readings.map(({ vehicleId }) => vehicleId))].sort();
  await database.transaction(async (tx) => {
    const accepted = await lockRegisters(tx, cell.id, vehicleIds);
    const intervals: SpreadInterval[] = [];
    const refused: JournalLine[] = [];
    for (const reading of [...readings].sort((a, b) => a.atMs - b.atMs)) {
      const last = accepted.get(reading.vehicleId);
      if (!last || (last.reading && reading.atMs <= last.reading.atMs)) continue;
      if (last.reading && hasFallen(last.reading, reading)) {
        refused.push(registerFell(last.reading, reading));
        continue;
      }
      if (last.reading) {
        for (const interval of splitOverSlots(last.reading, reading, slotMs)) {
          const { atMs: readFromMs } = last.reading;
          intervals.push({ vehicleId: reading.vehicleId, ...interval, readFromMs, readUntilMs: reading.atMs });
        }
      }
      last.sinceMs ??= reading.atMs;
      last.reading = reading;
    }
    await addIntervals(tx, intervals);
    await storeRegisters(
      tx,
      [...accepted].flatMap(([vehicleId, { reading, sinceMs = 0 }]) =>
        reading ? [{ ...reading, vehicleId, sinceMs }] : [],
      ),
    );
    await appendJournal(tx, cell.id, refused);
  });
}

/** Energy by car and slot of the cell for slots that start in the half-open grid time [startMs, endMs). */
export async function listMeterIntervals(
  database: Queryable,
  cellId: string,
  window: { readonly startMs: number; readonly endMs: number },
): Promise<MeterInterval[]> {
  return database.query<MeterInterval>(
    `select m.vehicle_id as "vehicleId", m.slot_start as "slotStartMs", m.charging_kwh as "chargingKwh",
       m.compute_kwh as "computeKwh"
     from meter_intervals m join vehicles v on v.id = m.vehicle_id join regions r on r.id = v.region_id
     where r.cell_id = $1 and m.slot_start >= $2 and m.slot_start < $3 order by m.vehicle_id, m.slot_start`,
    [cellId, instant(window.startMs), instant(window.endMs)],
  );
}

function hasFallen(last: MeterReading, reading: MeterReading): boolean {
  return reading.chargingKwh < last.chargingKwh || reading.computeKwh < last.computeKwh;
}

function registerFell(last: MeterReading, reading: VehicleReading): JournalLine {
  const register = reading.chargingKwh < last.chargingKwh ? 'chargingKwh' : 'computeKwh';
  return {
    atMs: reading.atMs,
    kind: 'fallback',
    subject: reading.vehicleId,
    message: `The meter's ${register} register fell; its readings are not counted until it is above its old value.`,
    reasons: [{ code: 'meter_register_fell', text: register, value: reading[register], limit: last[register] }],
    // One line for each fall, not one for each reading that follows it.
    dedupeKey: `meter-fell/${reading.vehicleId}/${last.atMs}`,
  };
}

/** The last accepted reading of each enrolled car, if it has one. Locks the cars, so that two writers take turns. */
async function lockRegisters(
  tx: Queryable,
  cellId: string,
  vehicleIds: readonly string[],
): Promise<Map<string, { reading: MeterReading | undefined; sinceMs?: number }>> {
  const enrolled = await tx.query<{ id: string }>(
    `select v.id from vehicles v join regions r on r.id = v.region_id
     where r.cell_id = $1 and v.id = any($2) order by v.id for no key update of v`,
    [cellId, vehicleIds],
  );
  const registers = await tx.query<VehicleReading>(
    `select vehicle_id as "vehicleId", read_at as "atMs", charging_kwh as "chargingKwh", compute_kwh as "computeKwh"
     from meter_registers where vehicle_id = any($1)`,
    [vehicleIds],
  );
  const byVehicle = new Map(registers.map((register) => [register.vehicleId, register]));
  return new Map(enrolled.map(({ id }) => [id, { reading: byVehicle.get(id) }]));
}

/** With the readings between which its energy was drawn: nobody knows in which slot of those between them. */
interface SpreadInterval extends MeterInterval {
  readonly readFromMs: number;
  readonly readUntilMs: number;
}

async function addIntervals(tx: Queryable, intervals: readonly SpreadInterval[]): Promise<void> {
  await tx.query(
    `insert into meter_intervals (vehicle_id, slot_start, charging_kwh, compute_kwh, read_from, read_until)
     select vehicle_id, slot_start, sum(charging_kwh), sum(compute_kwh), min(read_from), max(read_until)
     from unnest($1::text[], $2::timestamptz[], $3::numeric[], $4::numeric[], $5::timestamptz[], $6::timestamptz[])
       as t (vehicle_id, slot_start, charging_kwh, compute_kwh, read_from, read_until)
     group by vehicle_id, slot_start
     on conflict (vehicle_id, slot_start) do update set
       charging_kwh = meter_intervals.charging_kwh + excluded.charging_kwh,
       compute_kwh = meter_intervals.compute_kwh + excluded.compute_kwh,
       read_from = least(meter_intervals.read_from, excluded.read_from),
       read_until = greatest(meter_intervals.read_until, excluded.read_until)`,
    columns(
      intervals,
      (interval) => interval.vehicleId,
      (interval) => instant(interval.slotStartMs),
      (interval) => interval.chargingKwh,
      (interval) => interval.computeKwh,
      (interval) => instant(interval.readFromMs),
      (interval) => instant(interval.readUntilMs),
    ),
  );
}

/** @param readings.sinceMs when counting started: kept of the first that is stored */
async function storeRegisters(
  tx: Queryable,
  readings: readonly (VehicleReading & { readonly sinceMs: number })[],
): Promise<void> {
  await tx.query(
    `insert into meter_registers (vehicle_id, read_at, charging_kwh, compute_kwh, read_since)
     select * from unnest($1::text[], $2::timestamptz[], $3::numeric[], $4::numeric[], $5::timestamptz[])
     on conflict (vehicle_id) do update set read_at = excluded.read_at, charging_kwh = excluded.charging_kwh,
       compute_kwh = excluded.compute_kwh`,
    columns(
      readings,
      (reading) => reading.vehicleId,
      (reading) => instant(reading.atMs),
      (reading) => reading.chargingKwh,
      (reading) => reading.computeKwh,
      (reading) => instant(reading.sinceMs),
    ),
  );
}
