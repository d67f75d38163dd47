import { instant, only, type Queryable } from './database.ts';

/** What an owner or a submitter says is wrong with a booking, and what became of it. Instants are grid time. */
export interface Dispute {
  readonly id: string;
  readonly bookingKey: string;
  /** Account: owner/<id> or tenant/<id>. */
  readonly openedBy: string;
  readonly words: string;
  readonly openedAtMs: number;
  readonly status: 'open' | 'upheld' | 'rejected';
  readonly answer: string | null;
  readonly resolvedBy: string | null;
  readonly resolvedAtMs: number | null;
}

const COLUMNS = `id, booking_key as "bookingKey", opened_by as "openedBy", words, opened_at as "openedAtMs", status, answer,
  resolved_by as "resolvedBy", resolved_at as "resolvedAtMs"`;

/** @returns undefined while one of the same party about the same booking is open */
export async function openDispute(
  tx: Queryable,
  dispute: Pick<Dispute, 'id' | 'bookingKey' | 'openedBy' | 'words' | 'openedAtMs'>,
): Promise<Dispute | undefined> {
  const [opened] = await tx.query<Dispute>(
    `insert into disputes (id, booking_key, opened_by, words, opened_at, was_billed, status)
     select $1, $2, $3, $4, $5, exists (
       select 1 from ledger_bookings b join invoices i on $3 = 'tenant/' || i.tenant_id
         and i.period = to_char(b.booked_at at time zone 'UTC', 'YYYY-MM') where b.key = $2), 'open'
     on conflict do nothing returning ${COLUMNS}`,
    [dispute.id, dispute.bookingKey, dispute.openedBy, dispute.words, instant(dispute.openedAtMs)],
  );
  return opened;
}

/** Of one party, or of all; newest first. */
export async function listDisputes(database: Queryable, openedBy: string | undefined): Promise<Dispute[]> {
  return database.query<Dispute>(
    `select ${COLUMNS} from disputes where $1::text is null or opened_by = $1 order by opened_at desc, id desc`,
    [openedBy ?? null],
  );
}

/** The dispute, locked until the transaction ends. */
export async function lockDispute(tx: Queryable, id: string): Promise<Dispute | undefined> {
  const [dispute] = await tx.query<Dispute>(`select ${COLUMNS} from disputes where id = $1 for update`, [id]);
  return dispute;
}

export async function resolveDispute(
  tx: Queryable,
  id: string,
  resolved: Pick<Dispute, 'status' | 'answer' | 'resolvedBy'> & { readonly atMs: number },
): Promise<Dispute> {
  return only(
    await tx.query<Dispute>(
      `update disputes set status = $2, answer = $3, resolved_by = $4, resolved_at = $5 where id = $1 returning ${COLUMNS}`,
      [id, resolved.status, resolved.answer, resolved.resolvedBy, instant(resolved.atMs)],
    ),
  );
}

/** What the system knows of the work that a booking is for: who had the shard when, and what the plug's meter counted. */
export interface WorkEvidence {
  readonly vehicleId: string;
  readonly handedOutMs: number;
  readonly storedUntilMs: number;
  readonly paidWh: number;
  /** In the quarter hours that the attempt touches, of all work of the car. */
  readonly meteredComputeKwh: number;
}

/** Of the car and shard of a booking, as long as attempts are kept. */
export async function readEvidence(database: Queryable, bookingKey: string): Promise<WorkEvidence[]> {
  return database.query<WorkEvidence>(
    `select a.vehicle_id as "vehicleId", a.handed_out_at as "handedOutMs", a.stored_until as "storedUntilMs",
       a.paid_wh as "paidWh", (select coalesce(sum(m.compute_kwh), 0) from meter_intervals m
         where m.vehicle_id = a.vehicle_id and m.slot_start > a.handed_out_at - interval '15 minutes'
           and m.slot_start < a.stored_until) as "meteredComputeKwh"
     from ledger_bookings b join compute_attempts a on a.vehicle_id = b.vehicle_id and a.job_id = b.batch_id
       and b.reference = 'job/' || a.job_id || '/shard/' || a.shard
     where b.key = $1 order by a.handed_out_at`,
    [bookingKey],
  );
}
