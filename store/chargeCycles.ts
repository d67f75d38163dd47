import { columns, instant, type Queryable } from './database.ts';

/** How charging was switched in a stay so far, as it was planned. */
export interface ChargeCycle {
  readonly vehicleId: string;
  readonly stay: number;
  readonly starts: number;
  readonly charging: boolean;
  /** Grid time of the last start or stop. */
  readonly changedAtMs: number;
}

export async function listChargeCycles(database: Queryable, cellId: string): Promise<ChargeCycle[]> {
  return database.query<ChargeCycle>(
    `select c.vehicle_id as "vehicleId", c.stay, c.starts, c.charging, c.changed_at as "changedAtMs"
     from charge_cycles c join vehicles v on v.id = c.vehicle_id join regions r on r.id = v.region_id
     where r.cell_id = $1 order by c.vehicle_id`,
    [cellId],
  );
}

/** At most one for each car. */
export async function saveChargeCycles(database: Queryable, cycles: readonly ChargeCycle[]): Promise<void> {
  if (cycles.length === 0) return;
  await database.query(
    `insert into charge_cycles (vehicle_id, stay, starts, charging, changed_at)
     select * from unnest($1::text[], $2::integer[], $3::integer[], $4::boolean[], $5::timestamptz[])
     on conflict (vehicle_id) do update set stay = excluded.stay, starts = excluded.starts,
       charging = excluded.charging, changed_at = excluded.changed_at`,
    columns(
      cycles,
      ({ vehicleId }) => vehicleId,
      ({ stay }) => stay,
      ({ starts }) => starts,
      ({ charging }) => charging,
      ({ changedAtMs }) => instant(changedAtMs),
    ),
  );
}
