import { only, type Queryable } from './database.ts';

export interface PayoutRun {
  readonly id: string;
  readonly currency: string;
  readonly minMicros: number;
  /** YYYY-MM-DD. */
  readonly executionDate: string;
  readonly status: 'proposed' | 'confirmed' | 'dropped';
  readonly proposedBy: string;
  readonly confirmedBy: string | null;
  readonly confirmedRealMs: number | null;
}

export interface Payout {
  readonly id: string;
  readonly runId: string;
  readonly ownerId: string;
  readonly currency: string;
  readonly amountMicros: number;
  readonly status: 'proposed' | 'ordered' | 'paid' | 'returned' | 'dropped';
  readonly reason: string | null;
  /** YYYY-MM-DD. */
  readonly settledOn: string | null;
}

const RUN = `id, currency, min_micros as "minMicros", execution_date::text as "executionDate", status,
  proposed_by as "proposedBy", confirmed_by as "confirmedBy", confirmed_real_at as "confirmedRealMs"`;
const PAYOUT = `id, run_id as "runId", owner_id as "ownerId", currency, amount_micros as "amountMicros", status, reason,
  settled_on::text as "settledOn"`;

/** @returns undefined while another run of the currency is proposed */
export async function insertPayoutRun(
  tx: Queryable,
  run: Pick<PayoutRun, 'id' | 'currency' | 'minMicros' | 'executionDate' | 'proposedBy'>,
): Promise<PayoutRun | undefined> {
  const [made] = await tx.query<PayoutRun>(
    `insert into payout_runs (id, currency, min_micros, execution_date, status, proposed_by)
     values ($1, $2, $3, $4, 'proposed', $5) on conflict do nothing returning ${RUN}`,
    [run.id, run.currency, run.minMicros, run.executionDate, run.proposedBy],
  );
  return made;
}

export async function insertPayout(
  tx: Queryable,
  payout: Pick<Payout, 'id' | 'runId' | 'ownerId' | 'currency' | 'amountMicros'>,
): Promise<void> {
  await tx.query(
    `insert into payouts (id, run_id, owner_id, currency, amount_micros, status) values ($1, $2, $3, $4, $5, 'proposed')`,
    [payout.id, payout.runId, payout.ownerId, payout.currency, payout.amountMicros],
  );
}

/** The run, locked until the transaction ends. */
export async function lockPayoutRun(tx: Queryable, id: string): Promise<PayoutRun | undefined> {
  const [run] = await tx.query<PayoutRun>(`select ${RUN} from payout_runs where id = $1 for update`, [id]);
  return run;
}

export async function listPayoutRuns(database: Queryable, limit: number): Promise<PayoutRun[]> {
  return database.query<PayoutRun>(`select ${RUN} from payout_runs order by created_real_at desc limit $1`, [limit]);
}

export async function settleRun(
  tx: Queryable,
  id: string,
  status: 'confirmed' | 'dropped',
  by: string | null,
): Promise<PayoutRun> {
  return only(
    await tx.query<PayoutRun>(
      `update payout_runs set status = $2, confirmed_by = $3, confirmed_real_at = now() where id = $1 returning ${RUN}`,
      [id, status, by],
    ),
  );
}

export async function listPayouts(database: Queryable, runId: string): Promise<Payout[]> {
  return database.query<Payout>(`select ${PAYOUT} from payouts where run_id = $1 order by owner_id`, [runId]);
}

/** The payout, locked until the transaction ends. */
export async function lockPayout(tx: Queryable, id: string): Promise<Payout | undefined> {
  const [payout] = await tx.query<Payout>(`select ${PAYOUT} from payouts where id = $1 for update`, [id]);
  return payout;
}

export async function setPayoutStatus(
  tx: Queryable,
  id: string,
  status: Payout['status'],
  facts: { readonly reason?: string | undefined; readonly settledOn?: string } = {},
): Promise<void> {
  await tx.query(
    `update payouts set status = $2, reason = coalesce($3, reason), settled_on = coalesce($4::date, settled_on)
     where id = $1`,
    [id, status, facts.reason ?? null, facts.settledOn ?? null],
  );
}

/** What each owner has to get in a currency, by account, less what is held by open disputes. */
export async function listOwed(
  database: Queryable,
  currency: string,
): Promise<{ readonly ownerId: string; readonly ownerMicros: number; readonly energyMicros: number }[]> {
  return database.query(
    `select substring(account from '/(.*)$') as "ownerId",
       coalesce(sum(amount_micros) filter (where account like 'owner/%'), 0) as "ownerMicros",
       coalesce(sum(amount_micros) filter (where account like 'energy/%'), 0) as "energyMicros"
     from ledger_entries e where (account like 'owner/%' or account like 'energy/%') and currency = $1
       and not (amount_micros > 0 and exists (
         select 1 from disputes d join ledger_bookings b on b.key = d.booking_key or b.corrects = d.booking_key
         where d.status = 'open' and b.booking_id = e.booking_id
           and substring(d.opened_by from '/(.*)$') = substring(e.account from '/(.*)$') and d.opened_by like 'owner/%'))
     group by 1 order by 1`,
    [currency],
  );
}
