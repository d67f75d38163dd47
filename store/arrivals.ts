import { instant, type Queryable } from './database.ts';

/** Energy that cars asked for at plug-in on one feeder within one hour. */
export interface ArrivedEnergy {
  readonly feederId: string;
  /** Start of the hour, grid time. */
  readonly pluggedInMs: number;
  /** kWh at the plug, to the owners' targets. */
  readonly kwh: number;
}

/**
 * What cars asked for at plug-in within the half-open grid time [startMs, endMs), summed by feeder and hour: a month of
 * stays is then a few hundred rows a feeder, whatever its number of cars. Stays whose state of charge at arrival is not
 * known are left out.
 */
export async function listArrivedEnergy(
  database: Queryable,
  cellId: string,
  window: { readonly startMs: number; readonly endMs: number },
): Promise<ArrivedEnergy[]> {
  return database.query<ArrivedEnergy>(
    `select v.feeder_id as "feederId", date_trunc('hour', p.plugged_in_at) as "pluggedInMs",
       sum(greatest(0, p.target_soc_percent - p.arrival_soc_percent) / 100 * v.battery_kwh
         / (v.charger->>'efficiency')::numeric) as kwh
     from parking_sessions p join vehicles v on v.id = p.vehicle_id join regions r on r.id = v.region_id
     where r.cell_id = $1 and p.plugged_in_at >= $2 and p.plugged_in_at < $3 and p.arrival_soc_percent is not null
     group by 1, 2 order by 1, 2`,
    [cellId, instant(window.startMs), instant(window.endMs)],
  );
}
