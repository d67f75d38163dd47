import { DAY_MS } from '../domain/durations.ts';
import { columns, instant, type Queryable } from './database.ts';
import type { TimeWindow } from './signals.ts';

/** What is known of the meter at a car's plug. */
export interface MeterFacts {
  readonly slotMinutes: number;
  /** Whether a charger meters what the car computes. */
  readonly isCharger: boolean;
  /** Up to when its registers were read, grid time; null: never. */
  readonly readAtMs: number | null;
  /** From when on they are counted, grid time; null: for ever, as far as is known. */
  readonly readSinceMs: number | null;
}

/** What a slot of a car's meter has counted as compute, and what of it was paid. */
export interface ComputeSlot {
  readonly slotStartMs: number;
  readonly computeKwh: number;
  readonly paidWh: number;
  /** From which to which reading the rise is that was shared out over it; null where that was not kept. */
  readonly spread: TimeWindow | null;
}

/** No batch lives as long, so that nothing of it is still to be paid. */
const KEPT_MS = 30 * DAY_MS;

export async function readMeterFacts(database: Queryable, vehicleId: string): Promise<MeterFacts | undefined> {
  const [facts] = await database.query<MeterFacts>(
    `select c.slot_minutes as "slotMinutes", m.read_at as "readAtMs", m.read_since as "readSinceMs",
       exists (select 1 from charger_plugs p where p.vehicle_id = v.id and p.meters_compute) as "isCharger"
     from vehicles v join regions r on r.id = v.region_id join cells c on c.id = r.cell_id
       left join meter_registers m on m.vehicle_id = v.id
     where v.id = $1`,
    [vehicleId],
  );
  return facts;
}

/** Of slots that start in the half-open grid time, in its order; those of which nothing is known are left out. */
export async function listComputeSlots(
  database: Queryable,
  vehicleId: string,
  { startMs, endMs }: TimeWindow,
): Promise<ComputeSlot[]> {
  type Row = Omit<ComputeSlot, 'spread'> & { readonly readFromMs: number | null; readonly readUntilMs: number | null };
  const rows = await database.query<Row>(
    `select slot_start as "slotStartMs", coalesce(m.compute_kwh, 0) as "computeKwh", coalesce(p.paid_wh, 0) as "paidWh",
       m.read_from as "readFromMs", m.read_until as "readUntilMs"
     from (select * from meter_intervals where vehicle_id = $1 and slot_start >= $2 and slot_start < $3) m
       full join (select * from paid_compute where vehicle_id = $1 and slot_start >= $2 and slot_start < $3) p
         using (slot_start)
     order by slot_start`,
    [vehicleId, instant(startMs), instant(endMs)],
  );
  return rows.map(({ readFromMs, readUntilMs, ...slot }) => ({
    ...slot,
    spread: readFromMs === null || readUntilMs === null ? null : { startMs: readFromMs, endMs: readUntilMs },
  }));
}

/** Adds to what the slots were paid, and forgets what is long past. The caller has locked the car. */
export async function addPaidCompute(
  tx: Queryable,
  vehicleId: string,
  paid: readonly Pick<ComputeSlot, 'slotStartMs' | 'paidWh'>[],
  nowMs: number,
): Promise<void> {
  await tx.query(
    `with forgotten as (delete from paid_compute where vehicle_id = $1 and slot_start < $4)
     insert into paid_compute (vehicle_id, slot_start, paid_wh)
     select $1, * from unnest($2::timestamptz[], $3::float8[])
     on conflict (vehicle_id, slot_start) do update set paid_wh = paid_compute.paid_wh + excluded.paid_wh`,
    [
      vehicleId,
      ...columns(
        paid,
        ({ slotStartMs }) => instant(slotStartMs),
        ({ paidWh }) => paidWh,
      ),
      instant(nowMs - KEPT_MS),
    ],
  );
}
