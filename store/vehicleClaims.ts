import {
  carStateOf,
  heldBy,
  UNKNOWN_CONDITION,
  withReasons,
  type CarCondition,
  type CarReason,
  type CarReasonCode,
  type CarState,
  type ClaimHolder,
  type ReasonSource,
} from '../domain/claims.ts';
import type { JournalLine } from '../domain/journal.ts';
import { columns, instant, type Queryable } from './database.ts';
import type { TimeWindow } from './signals.ts';

/** What one writer now knows of a car: its own reasons, all of them, and its part of the condition. */
export interface ClaimUpdate {
  readonly vehicleId: string;
  readonly atMs: number;
  readonly source: ReasonSource;
  readonly reasons: readonly CarReason[];
  readonly condition?: Partial<CarCondition>;
  /** Forgets what the planner said: a car that has left is in no plan. */
  readonly endsPlan?: boolean;
}

export interface VehicleClaims {
  readonly vehicleId: string;
  /** Since when the car is in this state, by this holder. */
  readonly sinceMs: number;
  /** When the figures in the reasons were last true. */
  readonly confirmedAtMs: number;
  readonly condition: CarCondition;
  readonly reasons: readonly CarReason[];
}

export interface VehicleTransition {
  readonly seq: number;
  readonly atMs: number;
  readonly state: CarState;
  readonly heldBy: ClaimHolder;
  readonly reasons: readonly CarReason[];
}

const CLAIM_COLUMNS = `vehicle_id as "vehicleId", since as "sinceMs", confirmed_at as "confirmedAtMs", condition, reasons`;

/**
 * Takes each writer's reasons into the cars' sets, and keeps every change of state, holder or set as a transition.
 * New figures in the same reasons are no transition. At most one update for each car; cars that are not enrolled are
 * left out.
 * @returns what to append to the journal, last in the transaction: cars that someone else than the plan now holds
 */
export async function updateClaims(database: Queryable, updates: readonly ClaimUpdate[]): Promise<JournalLine[]> {
  if (updates.length === 0) return [];
  return database.transaction(async (tx) => {
    // Control workers and the ingress write the same cars: each must build on what the other wrote.
    await tx.query(`select pg_advisory_xact_lock(hashtext('vehicle_claims'))`);
    const known = await tx.query<StoredClaims>(
      `select v.id as "vehicleId", v.display_name as "displayName", c.since as "sinceMs", c.confirmed_at as "confirmedAtMs", c.condition, c.reasons
       from vehicles v left join vehicle_claims c on c.vehicle_id = v.id where v.id = any($1)`,
      [updates.map(({ vehicleId }) => vehicleId)],
    );
    const before = new Map(known.map((claims) => [claims.vehicleId, claims]));
    const after = updates.flatMap((update) => {
      const row = before.get(update.vehicleId);
      return row ? [applied(row, update)] : [];
    });
    await tx.query(
      `insert into vehicle_claims (vehicle_id, since, confirmed_at, condition, reasons)
       select * from unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::jsonb[], $5::jsonb[])
       on conflict (vehicle_id) do update set since = excluded.since, confirmed_at = excluded.confirmed_at,
         condition = excluded.condition, reasons = excluded.reasons`,
      columns(
        after,
        ({ claims }) => claims.vehicleId,
        ({ claims }) => instant(claims.sinceMs),
        ({ claims }) => instant(claims.confirmedAtMs),
        ({ claims }) => JSON.stringify(claims.condition),
        ({ claims }) => JSON.stringify(claims.reasons),
      ),
    );
    const changed = after.filter(({ isTransition }) => isTransition).map(({ claims }) => claims);
    await tx.query(
      `insert into vehicle_transitions (vehicle_id, at, state, held_by, reasons)
       select * from unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::jsonb[])`,
      columns(
        changed,
        (claims) => claims.vehicleId,
        (claims) => instant(claims.confirmedAtMs),
        (claims) => carStateOf(claims.condition),
        (claims) => heldBy(claims.reasons),
        (claims) => JSON.stringify(claims.reasons),
      ),
    );
    return changed.flatMap((claims) => heldLine(before.get(claims.vehicleId), claims));
  });
}

type StoredClaims = { readonly vehicleId: string; readonly displayName: string } & {
  [Key in keyof Omit<VehicleClaims, 'vehicleId'>]: VehicleClaims[Key] | null;
};

/** Holders against whom the plan can do nothing, as the journal says them. */
const HELD_BY: Partial<Record<ClaimHolder, string>> = {
  safety: 'held for safety',
  grid_emergency: 'held by an emergency of the grid',
  owner_now: 'held by its owner',
};

/** Arrivals and departures have lines of their own. */
const TOLD_ANYWAY: readonly string[] = ['away', 'may_be_leaving'] satisfies CarReasonCode[];

function heldLine(before: StoredClaims | undefined, { vehicleId, sinceMs, reasons }: VehicleClaims): JournalLine[] {
  const holder = heldBy(reasons);
  const held = HELD_BY[holder];
  if (!before || held === undefined || holder === heldBy(before.reasons ?? [])) return [];
  const said = reasons.filter((reason) => reason.holder === holder && !TOLD_ANYWAY.includes(reason.code));
  if (said.length === 0) return [];
  const message = `${before.displayName} is ${held}: ${said.map(({ text }) => text).join(' ')}`;
  return [
    {
      atMs: sinceMs,
      kind: 'held',
      subject: vehicleId,
      message,
      reasons: said.map(({ code, text, value, limit }) => ({
        code,
        text,
        ...(value !== undefined && { value }),
        ...(limit !== undefined && { limit }),
      })),
      dedupeKey: `held/${vehicleId}/${holder}/${sinceMs}`,
    },
  ];
}

function applied(row: StoredClaims, update: ClaimUpdate): { claims: VehicleClaims; isTransition: boolean } {
  const { vehicleId, atMs, source } = update;
  // A plan that was made while the car left knows nothing of that, and what it says would stand until the next stay.
  if (source === 'plan' && row.condition?.plug === 'away') {
    const { condition, reasons, sinceMs, confirmedAtMs } = row;
    const claims = { vehicleId, sinceMs: sinceMs ?? atMs, confirmedAtMs: confirmedAtMs ?? atMs, condition };
    return { claims: { ...claims, reasons: reasons ?? [] }, isTransition: false };
  }
  const condition = { ...(row.condition ?? UNKNOWN_CONDITION), ...update.condition };
  const kept = (row.reasons ?? []).filter((reason) => !update.endsPlan || reason.source !== 'plan');
  const reasons = withReasons(kept, source, update.reasons);
  const before = row.condition && { condition: row.condition, reasons: row.reasons ?? [] };
  const isTransition = !before || signature(condition, reasons) !== signature(before.condition, before.reasons);
  const isHeldOn =
    before && carStateOf(condition) === carStateOf(before.condition) && heldBy(reasons) === heldBy(before.reasons);
  const sinceMs = (isHeldOn ? row.sinceMs : null) ?? atMs;
  return { claims: { vehicleId, sinceMs, confirmedAtMs: atMs, condition, reasons }, isTransition };
}

function signature(condition: CarCondition, reasons: readonly CarReason[]): string {
  const codes = reasons.map(({ source, code }) => `${source} ${code}`).sort();
  return JSON.stringify([carStateOf(condition), heldBy(reasons), codes]);
}

export async function readClaims(database: Queryable, vehicleId: string): Promise<VehicleClaims | undefined> {
  const [claims] = await database.query<VehicleClaims>(
    `select ${CLAIM_COLUMNS} from vehicle_claims where vehicle_id = $1`,
    [vehicleId],
  );
  return claims;
}

/** Cars of the cell for which one of these reasons holds. */
export async function listHeldVehicles(
  database: Queryable,
  cellId: string,
  codes: readonly CarReasonCode[],
): Promise<Set<string>> {
  const rows = await database.query<{ vehicleId: string }>(
    `select c.vehicle_id as "vehicleId" from vehicle_claims c join vehicles v on v.id = c.vehicle_id
       join regions r on r.id = v.region_id
     where r.cell_id = $1 and c.reasons @> any($2::jsonb[])`,
    [cellId, codes.map((code) => JSON.stringify([{ code }]))],
  );
  return new Set(rows.map(({ vehicleId }) => vehicleId));
}

/** Whether one of these reasons began or stood at a change of the car within the window of grid time, its end included. */
export async function wasHeld(
  database: Queryable,
  vehicleId: string,
  codes: readonly CarReasonCode[],
  window: TimeWindow,
): Promise<boolean> {
  const found = await database.query(
    `select 1 from vehicle_transitions where vehicle_id = $1 and at >= $2 and at <= $3 and reasons @> any($4::jsonb[]) limit 1`,
    [vehicleId, instant(window.startMs), instant(window.endMs), codes.map((code) => JSON.stringify([{ code }]))],
  );
  return found.length > 0;
}

/** The newest transitions of the car, newest first. */
export async function listTransitions(
  database: Queryable,
  vehicleId: string,
  limit: number,
): Promise<VehicleTransition[]> {
  return database.query<VehicleTransition>(
    `select seq, at as "atMs", state, held_by as "heldBy", reasons from vehicle_transitions
     where vehicle_id = $1 order by seq desc limit $2`,
    [vehicleId, limit],
  );
}
