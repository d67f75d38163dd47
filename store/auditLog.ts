import { instant, only, type Queryable } from './database.ts';

/** A change that somebody asked for. */
export interface AuditedChange {
  /** `key/<id>`, `owner/<id>` or `person/<name>`. */
  readonly actor: string;
  readonly tenantId: string | null;
  readonly method: string;
  readonly path: string;
  /** As it was sent, without secrets. */
  readonly body: unknown;
  readonly requestId: string;
}

export interface StoredChange extends AuditedChange {
  /** Rises with every line. */
  readonly seq: number;
  /** Real time, epoch ms. */
  readonly realAtMs: number;
  /** HTTP status of the answer; null where nobody knows whether the change was made. */
  readonly status: number | null;
}

/** Before the change is made. @returns the line, for `concludeChange` */
export async function recordChange(database: Queryable, cellId: string, change: AuditedChange): Promise<number> {
  const { actor, tenantId, method, path, body, requestId } = change;
  const { seq } = only(
    await database.query<{ seq: number }>(
      `insert into audit_log (cell_id, actor, tenant_id, method, path, body, request_id)
       values ($1, $2, $3, $4, $5, $6, $7) returning seq`,
      [cellId, actor, tenantId, method, path, body === undefined ? null : JSON.stringify(body), requestId],
    ),
  );
  return seq;
}

export async function concludeChange(database: Queryable, seq: number, status: number): Promise<void> {
  await database.query('update audit_log set status = $2 where seq = $1', [seq, status]);
}

export interface ChangeFilter {
  readonly afterSeq: number;
  readonly limit: number;
  readonly actor?: string | undefined;
  /** Changes whose path contains it. */
  readonly about?: string | undefined;
  /** Real time, epoch ms. */
  readonly sinceMs?: number | undefined;
}

/** Lines of the cell, oldest first. */
export async function listChanges(database: Queryable, cellId: string, filter: ChangeFilter): Promise<StoredChange[]> {
  const { afterSeq, limit, actor = null, about = null, sinceMs } = filter;
  return database.query<StoredChange>(
    `select seq, real_at as "realAtMs", actor, tenant_id as "tenantId", method, path, body, request_id as "requestId", status
     from audit_log where cell_id = $1 and seq > $2 and ($4::text is null or actor = $4)
       and ($5::text is null or position($5 in path) > 0) and ($6::timestamptz is null or real_at >= $6)
     order by seq limit $3`,
    [cellId, afterSeq, limit, actor, about, sinceMs === undefined ? null : instant(sinceMs)],
  );
}
