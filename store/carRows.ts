import type { CarCondition, CarReason } from '../domain/claims.ts';
import type { Queryable } from './database.ts';

/** A car as a list of many shows it. Instants are grid time. */
export interface CarRow {
  readonly id: string;
  readonly name: string;
  readonly ownerId: string;
  readonly regionId: string;
  readonly feederId: string;
  readonly hardwareClass: string;
  readonly online: boolean;
  readonly socPercent: number | null;
  /** Null before anything is known of it. */
  readonly condition: CarCondition | null;
  /** The strongest first. */
  readonly reasons: readonly CarReason[];
  readonly sinceMs: number | null;
  /** Of the stay that is open. */
  readonly readyByMs: number | null;
}

/** Cars of the cell, or of one owner, in one query: a list of ten thousand cannot ask for each of them. */
export async function listCarRows(database: Queryable, cellId: string, ownerId?: string): Promise<CarRow[]> {
  return database.query<CarRow>(
    `select v.id, v.display_name as name, v.owner_id as "ownerId", v.region_id as "regionId",
       v.feeder_id as "feederId", v.hardware_class as "hardwareClass", coalesce(s.online, false) as online,
       s.soc_percent as "socPercent", c.condition, coalesce(c.reasons, '[]') as reasons, c.since as "sinceMs",
       p.ready_by as "readyByMs"
     from vehicles v join regions r on r.id = v.region_id
       left join vehicle_states s on s.vehicle_id = v.id
       left join vehicle_claims c on c.vehicle_id = v.id
       left join parking_sessions p on p.vehicle_id = v.id and p.unplugged_at is null
     where r.cell_id = $1 and ($2::text is null or v.owner_id = $2) order by v.id`,
    [cellId, ownerId ?? null],
  );
}
