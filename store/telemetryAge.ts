import { instant, only, type Queryable } from './database.ts';

/** Of cars that are online and at a plug: how many, and of how many nothing was heard since `sinceMs` (grid time). */
export async function countLateCars(
  database: Queryable,
  cellId: string,
  sinceMs: number,
): Promise<{ readonly onlineCars: number; readonly lateCars: number }> {
  return only(
    await database.query<{ onlineCars: number; lateCars: number }>(
      `select count(*)::int as "onlineCars", (count(*) filter (where s.updated_at < $2))::int as "lateCars"
       from vehicle_states s join vehicles v on v.id = s.vehicle_id join regions r on r.id = v.region_id
       where r.cell_id = $1 and s.online and s.plugged_in`,
      [cellId, instant(sinceMs)],
    ),
  );
}
