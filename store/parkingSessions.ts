import { instant, only, type Queryable } from './database.ts';

/** One stay of one car at its plug. Stays are numbered from 1 for each car. */
export interface ParkingSession {
  readonly vehicleId: string;
  readonly stay: number;
  readonly pluggedInAtMs: number;
  readonly readyByMs: number;
  readonly targetSocPercent: number;
  readonly arrivalSocPercent: number | null;
  /** Measured at ready-by or at departure, whichever came first. */
  readonly readyBySocPercent: number | null;
  /** Null while the car is plugged in. */
  readonly unpluggedAtMs: number | null;
  /** The owner's statement; null until the stay is settled. */
  readonly settled: unknown;
}

export type NewParkingSession = Pick<
  ParkingSession,
  'vehicleId' | 'pluggedInAtMs' | 'readyByMs' | 'targetSocPercent' | 'arrivalSocPercent'
>;

const COLUMNS = `p.vehicle_id as "vehicleId", p.stay, p.plugged_in_at as "pluggedInAtMs", p.ready_by as "readyByMs",
  p.target_soc_percent as "targetSocPercent", p.arrival_soc_percent as "arrivalSocPercent",
  p.ready_by_soc_percent as "readyBySocPercent", p.unplugged_at as "unpluggedAtMs", p.settled`;

/**
 * Opens the car's next stay. A car is plugged in once at a time: while a stay is open, that one is given, whoever asks
 * again.
 */
export async function openParkingSession(database: Queryable, session: NewParkingSession): Promise<ParkingSession> {
  return database.transaction(async (tx) => {
    await tx.query('select 1 from vehicles where id = $1 for update', [session.vehicleId]);
    const open = await readOpenParkingSession(tx, session.vehicleId);
    if (open) return open;
    return only(
      await tx.query<ParkingSession>(
        `with numbered as (update vehicles set stays = stays + 1 where id = $1 returning id, stays, region_id)
         insert into parking_sessions as p (vehicle_id, stay, plugged_in_at, ready_by, target_soc_percent,
           arrival_soc_percent, charging_kwh_before, compute_kwh_before)
         select n.id, n.stays, $2::timestamptz, $3::timestamptz, $4::numeric, $5::numeric,
           coalesce(m.charging_kwh, 0), coalesce(m.compute_kwh, 0)
         from numbered n join regions r on r.id = n.region_id join cells c on c.id = r.cell_id
           left join meter_intervals m on m.vehicle_id = n.id
             and m.slot_start = date_bin(make_interval(mins => c.slot_minutes), $2::timestamptz, 'epoch')
         returning ${COLUMNS}`,
        [
          session.vehicleId,
          instant(session.pluggedInAtMs),
          instant(session.readyByMs),
          session.targetSocPercent,
          session.arrivalSocPercent,
        ],
      ),
    );
  });
}

/** The car's stay that has not ended. */
export async function readOpenParkingSession(
  database: Queryable,
  vehicleId: string,
): Promise<ParkingSession | undefined> {
  const [session] = await database.query<ParkingSession>(
    `select ${COLUMNS} from parking_sessions p where p.vehicle_id = $1 and p.unplugged_at is null`,
    [vehicleId],
  );
  return session;
}

/** What the owner is promised, when it is agreed again during the stay. */
export async function setSessionTerms(
  database: Queryable,
  vehicleId: string,
  stay: number,
  terms: Pick<ParkingSession, 'readyByMs' | 'targetSocPercent'>,
): Promise<void> {
  await database.query(
    `update parking_sessions set ready_by = $3, target_soc_percent = $4 where vehicle_id = $1 and stay = $2`,
    [vehicleId, stay, instant(terms.readyByMs), terms.targetSocPercent],
  );
}

/** Ends a stay; the first end counts. */
export async function closeParkingSession(
  database: Queryable,
  vehicleId: string,
  stay: number,
  unpluggedAtMs: number,
): Promise<void> {
  await database.query(
    `update parking_sessions set unplugged_at = coalesce(unplugged_at, $3) where vehicle_id = $1 and stay = $2`,
    [vehicleId, stay, instant(unpluggedAtMs)],
  );
}

/** Keeps the first measurement. */
export async function recordReadyBySoc(
  database: Queryable,
  vehicleId: string,
  stay: number,
  readyBySocPercent: number,
): Promise<void> {
  await database.query(
    `update parking_sessions set ready_by_soc_percent = coalesce(ready_by_soc_percent, $3)
     where vehicle_id = $1 and stay = $2`,
    [vehicleId, stay, readyBySocPercent],
  );
}

/** Keeps the first statement. @returns whether this call settled the stay. */
export async function settleParkingSession(
  database: Queryable,
  vehicleId: string,
  stay: number,
  statement: unknown,
): Promise<boolean> {
  const rows = await database.query(
    `update parking_sessions set settled = $3 where vehicle_id = $1 and stay = $2 and settled is null returning stay`,
    [vehicleId, stay, JSON.stringify(statement)],
  );
  return rows.length > 0;
}

export async function readParkingSession(
  database: Queryable,
  vehicleId: string,
  stay: number,
): Promise<ParkingSession | undefined> {
  const [session] = await database.query<ParkingSession>(
    `select ${COLUMNS} from parking_sessions p where p.vehicle_id = $1 and p.stay = $2`,
    [vehicleId, stay],
  );
  return session;
}

/** Stays of the cell that overlap the half-open grid time [startMs, endMs); an open stay has no end. */
export async function listParkingSessions(
  database: Queryable,
  cellId: string,
  window: { readonly startMs: number; readonly endMs: number },
): Promise<ParkingSession[]> {
  return database.query<ParkingSession>(
    `select ${COLUMNS} from parking_sessions p join vehicles v on v.id = p.vehicle_id
       join regions r on r.id = v.region_id
     where r.cell_id = $1 and p.plugged_in_at < $3 and coalesce(p.unplugged_at, 'infinity') > $2
     order by p.vehicle_id, p.stay`,
    [cellId, instant(window.startMs), instant(window.endMs)],
  );
}

/** Stays of the cell that have not ended. */
export async function listOpenParkingSessions(database: Queryable, cellId: string): Promise<ParkingSession[]> {
  return database.query<ParkingSession>(
    `select ${COLUMNS} from parking_sessions p join vehicles v on v.id = p.vehicle_id
       join regions r on r.id = v.region_id
     where r.cell_id = $1 and p.unplugged_at is null order by p.vehicle_id`,
    [cellId],
  );
}

/** Stays of one car, newest first. */
export async function listStaysOf(database: Queryable, vehicleId: string, limit: number): Promise<ParkingSession[]> {
  return database.query<ParkingSession>(
    `select ${COLUMNS} from parking_sessions p where p.vehicle_id = $1 order by p.stay desc limit $2`,
    [vehicleId, limit],
  );
}

/** Stays of a car that have ended and whose hours were paid, newest first; half-open, grid time. */
export async function listPaidStays(
  database: Queryable,
  vehicleId: string,
  limit: number,
): Promise<{ readonly startMs: number; readonly endMs: number }[]> {
  return database.query(
    `select p.plugged_in_at as "startMs", p.unplugged_at as "endMs" from parking_sessions p
     where p.vehicle_id = $1 and p.unplugged_at is not null and exists (
       select 1 from ledger_bookings b join ledger_entries e on e.booking_id = b.booking_id
       where b.key = 'availability/session/' || p.vehicle_id || '/' || p.stay || '/' || p.vehicle_id
         and e.item = 'availability' and e.quantity_millionths > 0)
     order by p.stay desc limit $2`,
    [vehicleId, limit],
  );
}

/** The stay in which a car was during a span of grid time: the last one, where several overlap it. */
export async function stayDuring(
  database: Queryable,
  vehicleId: string,
  { startMs, endMs }: { readonly startMs: number; readonly endMs: number },
): Promise<number | undefined> {
  const [found] = await database.query<{ stay: number }>(
    `select p.stay from parking_sessions p where p.vehicle_id = $1 and p.plugged_in_at <= $3
       and coalesce(p.unplugged_at, 'infinity') >= $2 order by p.stay desc limit 1`,
    [vehicleId, instant(startMs), instant(endMs)],
  );
  return found?.stay;
}

/**
 * Energy at the plug of one stay, to the thousandth of a Wh: of the slot in which two stays meet, each has what the meter had
 * counted until the second car came. All stays of a car together are what its meter counted.
 */
export async function readStayEnergy(
  database: Queryable,
  vehicleId: string,
  stay: number,
): Promise<{ readonly chargingKwh: number; readonly computeKwh: number }> {
  return only(
    await database.query<{ readonly chargingKwh: number; readonly computeKwh: number }>(
      `with stays as (
         select p.stay, p.charging_kwh_before, p.compute_kwh_before,
           date_bin(make_interval(mins => c.slot_minutes), p.plugged_in_at, 'epoch') as first_slot
         from parking_sessions p join vehicles v on v.id = p.vehicle_id join regions r on r.id = v.region_id
           join cells c on c.id = r.cell_id
         where p.vehicle_id = $1 and p.stay in ($2, $2 + 1))
       select round(coalesce(sum(m.charging_kwh), 0) - min(own.charging_kwh_before)
           + coalesce(min(next.charging_kwh_before), 0), 6)::float8 as "chargingKwh",
         round(coalesce(sum(m.compute_kwh), 0) - min(own.compute_kwh_before)
           + coalesce(min(next.compute_kwh_before), 0), 6)::float8 as "computeKwh"
       from stays own left join stays next on next.stay = own.stay + 1
         left join meter_intervals m on m.vehicle_id = $1 and m.slot_start >= own.first_slot
           and m.slot_start < coalesce(next.first_slot, 'infinity')
       where own.stay = $2`,
      [vehicleId, stay],
    ),
  );
}
