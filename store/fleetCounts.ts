import { carStateOf, UNKNOWN_CONDITION, type CarCondition, type CarState } from '../domain/claims.ts';
import type { Queryable } from './database.ts';

export interface CarCount {
  readonly regionId: string;
  readonly state: CarState;
  readonly cars: number;
}

/** How many cars of the cell are in each state; those that were never heard of are away. */
export async function countCarStates(database: Queryable, cellId: string): Promise<CarCount[]> {
  // The powers of a condition matter by their sign alone, so that few rows come back for many cars.
  const rows = await database.query<{ regionId: string; cars: number } & Partial<CarCondition>>(
    `select v.region_id as "regionId", c.condition->>'plug' as plug, (c.condition->>'online')::boolean as online,
       sign((c.condition->>'chargeKw')::numeric) as "chargeKw", sign((c.condition->>'computeKw')::numeric) as "computeKw",
       count(*)::int as cars
     from vehicles v join regions r on r.id = v.region_id left join vehicle_claims c on c.vehicle_id = v.id
     where r.cell_id = $1 group by 1, 2, 3, 4, 5`,
    [cellId],
  );
  const counts = new Map<string, CarCount>();
  for (const { regionId, cars, plug, online, chargeKw, computeKw } of rows) {
    const condition = {
      plug: plug ?? UNKNOWN_CONDITION.plug,
      online: online ?? false,
      chargeKw: chargeKw ?? 0,
      computeKw: computeKw ?? 0,
    };
    const state = carStateOf(condition);
    const key = `${regionId} ${state}`;
    counts.set(key, { regionId, state, cars: (counts.get(key)?.cars ?? 0) + cars });
  }
  return [...counts.values()];
}

/** For how many cars of the cell each reason holds, by who holds them for it. */
export async function countCarReasons(
  database: Queryable,
  cellId: string,
): Promise<{ readonly holder: string; readonly code: string; readonly cars: number }[]> {
  return database.query(
    `select reason->>'holder' as holder, reason->>'code' as code, count(distinct c.vehicle_id)::int as cars
     from vehicle_claims c join vehicles v on v.id = c.vehicle_id join regions r on r.id = v.region_id,
       lateral jsonb_array_elements(c.reasons) reason
     where r.cell_id = $1 group by 1, 2 order by 1, 2`,
    [cellId],
  );
}
