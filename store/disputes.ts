import { instant, only, type Queryable } from './database.ts';
import type { ShareCheck } from './shareChecks.ts';

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

/** Accepted answers of a booking's car and shard. */
export interface AnswerReceipt {
  readonly vehicleId: string;
  /** Lines of the shard, half-open. */
  readonly start: number;
  readonly end: number;
  /** Hex. */
  readonly sha256: string;
}

/** What the booking's car has delivered of its shard, and what checks of it have found. */
export async function readDelivered(
  database: Queryable,
  bookingKey: string,
): Promise<{ readonly receipts: readonly AnswerReceipt[]; readonly checks: readonly ShareCheck[] }> {
  const receipts = await database.query<AnswerReceipt>(
    `select b.vehicle_id as "vehicleId", (p->>'start')::integer as start, (p->>'end')::integer as end, p->>'sha256' as sha256
     from ledger_bookings b join accepted_shards a on a.job_id = b.batch_id
         and b.reference = 'job/' || a.job_id || '/shard/' || a.shard
       cross join lateral jsonb_array_elements(a.parts) p
     where b.key = $1 and p->>'vehicleId' = b.vehicle_id order by 2`,
    [bookingKey],
  );
  const checks = await database.query<ShareCheck>(
    `select c.job_id as "jobId", c.shard, c.vehicle_id as "vehicleId", c.share_sha256 as "shareSha256", c.lines, c.checked,
       c.differing, c.tokens, c.divergent, c.verdict, c.at as "atMs"
     from ledger_bookings b join share_checks c on c.vehicle_id = b.vehicle_id and c.job_id = b.batch_id
       and b.reference = 'job/' || c.job_id || '/shard/' || c.shard
     where b.key = $1 order by c.at`,
    [bookingKey],
  );
  return { receipts, checks };
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
