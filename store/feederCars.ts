import type { Queryable } from './database.ts';

/** How many cars a feeder has, and how many of them are at their plugs. */
export interface FeederCars {
  readonly feederId: string;
  readonly cars: number;
  readonly pluggedIn: number;
}

export async function countFeederCars(database: Queryable, regionId: string): Promise<FeederCars[]> {
  return database.query<FeederCars>(
    `select f.id as "feederId", count(v.id)::int as cars, (count(*) filter (where s.plugged_in))::int as "pluggedIn"
     from feeders f left join vehicles v on v.feeder_id = f.id left join vehicle_states s on s.vehicle_id = v.id
     where f.region_id = $1 group by f.id order by f.id`,
    [regionId],
  );
}
