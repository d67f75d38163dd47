import { cellsBeside } from './cells.ts';
import { instant, type Queryable } from './database.ts';

const DAY_SECONDS = 86_400;
/** Days of stays from which the usual time of the next arrival is taken. */
const DAYS_LOOKED_BACK = 7;

/** Cars at their plugs in one region. */
export interface RegionPresence {
  readonly regionId: string;
  /** IANA name. */
  readonly timeZone: string;
  readonly carsPluggedIn: number;
  /**
   * Grid time from now on at whose time of day a car came on one of the last seven days, the earliest; null when none
   * came. Days are taken as 24 hours long.
   */
  readonly usualArrivalMs: number | null;
}

/** Of the cell's regions, and of those of the cells that may share its jobs. */
export async function listPresence(database: Queryable, cellId: string, nowMs: number): Promise<RegionPresence[]> {
  const rows = await database.query<Omit<RegionPresence, 'usualArrivalMs'> & { readonly aheadSeconds: number | null }>(
    `select r.id as "regionId", r.time_zone as "timeZone",
       count(*) filter (where p.stay is not null and p.unplugged_at is null)::int as "carsPluggedIn",
       min(mod(extract(epoch from p.plugged_in_at - $2::timestamptz) + ${DAYS_LOOKED_BACK * DAY_SECONDS}, ${DAY_SECONDS}))
         filter (where p.plugged_in_at >= $2::timestamptz - interval '${DAYS_LOOKED_BACK} days')::float8 as "aheadSeconds"
     from regions r
       left join vehicles v on v.region_id = r.id
       left join parking_sessions p on p.vehicle_id = v.id and p.plugged_in_at < $2::timestamptz
         and (p.unplugged_at is null or p.plugged_in_at >= $2::timestamptz - interval '${DAYS_LOOKED_BACK} days')
     where r.cell_id in ${cellsBeside('$1')} group by r.id order by r.id`,
    [cellId, instant(nowMs)],
  );
  return rows.map(({ aheadSeconds, ...row }) => ({
    ...row,
    usualArrivalMs: aheadSeconds === null ? null : nowMs + aheadSeconds * 1000,
  }));
}

/** How long cars of some regions were at their plugs within a window of grid time. */
export interface PluggedTime {
  readonly cars: number;
  readonly hours: number;
}

/** @param regionIds null for every region of the cell and of the cells that may share its jobs */
export async function readPluggedTime(
  database: Queryable,
  cellId: string,
  window: { readonly startMs: number; readonly endMs: number },
  regionIds: readonly string[] | null,
): Promise<PluggedTime> {
  const [row] = await database.query<PluggedTime>(
    `select count(distinct p.vehicle_id)::int as cars,
       coalesce(sum(extract(epoch from least(coalesce(p.unplugged_at, $3), $3) - greatest(p.plugged_in_at, $2))), 0)::float8
         / 3600 as hours
     from parking_sessions p join vehicles v on v.id = p.vehicle_id join regions r on r.id = v.region_id
     where r.cell_id in ${cellsBeside('$1')} and p.plugged_in_at < $3 and coalesce(p.unplugged_at, 'infinity') > $2
       and ($4::text[] is null or r.id = any($4))`,
    [cellId, instant(window.startMs), instant(window.endMs), regionIds],
  );
  return row ?? { cars: 0, hours: 0 };
}
