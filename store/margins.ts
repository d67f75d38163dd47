import type { AccountKind } from '../domain/ledger.ts';
import { instant, type Queryable } from './database.ts';

/** Groups of bookings: where, at which hour of the day (UTC) and for which model. */
const GROUPS = {
  region: `coalesce(b.region_id, '')`,
  hour: `to_char(b.booked_at at time zone 'UTC', 'HH24')`,
  model: `coalesce(b.model, '')`,
} as const;
export type MarginGroup = keyof typeof GROUPS;

export interface GroupAmount {
  readonly group: string;
  readonly currency: string;
  readonly kind: AccountKind;
  readonly micros: number;
  /** What of that is for canaries among submitters' requests: of the margin, which bears it. */
  readonly canaryMicros: number;
}

/** What accounts of each kind got from work and stays booked in the half-open grid time; payments are none. */
export async function listGroupAmounts(
  database: Queryable,
  group: MarginGroup,
  window: { readonly startMs: number; readonly endMs: number },
): Promise<GroupAmount[]> {
  return database.query<GroupAmount>(
    `select ${GROUPS[group]} as "group", e.currency, split_part(e.account, '/', 1) as kind, sum(e.amount_micros) as micros,
       coalesce(sum(e.amount_micros) filter (where e.account = 'margin' and e.item = 'check'), 0) as "canaryMicros"
     from ledger_entries e join ledger_bookings b on b.booking_id = e.booking_id
     where b.kind in ('compute', 'quorum', 'live', 'availability', 'check', 'correction', 'adjustment') and b.booked_at >= $1 and b.booked_at < $2
     group by 1, 2, 3 order by 1, 2, 3`,
    [instant(window.startMs), instant(window.endMs)],
  );
}
