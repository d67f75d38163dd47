import type { JournalLine } from '../domain/journal.ts';
import { columns, instant, type Queryable } from './database.ts';

export interface StoredJournalLine extends Omit<JournalLine, 'dedupeKey'> {
  /** Rises with every line of the database; readers go on after the last one they saw. */
  readonly seq: number;
}

/**
 * Appends lines; one whose `dedupeKey` is there already is left out.
 *
 * Appending waits for other transactions that have appended: sequence numbers would otherwise become visible out of
 * order, and a reader that goes on after the last one it saw would miss a line. So append last in a transaction.
 * @returns how many lines were new.
 */
export async function appendJournal(
  database: Queryable,
  cellId: string,
  lines: readonly JournalLine[],
): Promise<number> {
  if (lines.length === 0) return 0;
  const appended = await database.query(
    `with in_order as materialized (select pg_advisory_xact_lock(hashtext('journal')))
     insert into journal (cell_id, at, kind, subject, message, reasons, dedupe_key)
     select $1, t.at, t.kind, t.subject, t.message, t.reasons, t.dedupe_key
     from in_order, unnest($2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::text[])
       with ordinality as t (at, kind, subject, message, reasons, dedupe_key, position)
     order by t.position
     on conflict (dedupe_key) do nothing returning seq`,
    [
      cellId,
      ...columns(
        lines,
        (line) => instant(line.atMs),
        (line) => line.kind,
        (line) => line.subject,
        (line) => line.message,
        (line) => JSON.stringify(line.reasons ?? []),
        (line) => line.dedupeKey ?? null,
      ),
    ],
  );
  return appended.length;
}

/** Lines of the cell after `afterSeq` (0: from the first), oldest first. */
export async function readJournal(
  database: Queryable,
  cellId: string,
  afterSeq: number,
  limit: number,
): Promise<StoredJournalLine[]> {
  return database.query<StoredJournalLine>(
    `select seq, at as "atMs", kind, subject, message, reasons from journal
     where cell_id = $1 and seq > $2 order by seq limit $3`,
    [cellId, afterSeq, limit],
  );
}

/** The newest line's sequence; 0 when there is none. */
export async function lastJournalSeq(database: Queryable, cellId: string): Promise<number> {
  const [row] = await database.query<{ seq: number }>(
    'select seq from journal where cell_id = $1 order by seq desc limit 1',
    [cellId],
  );
  return row?.seq ?? 0;
}

/** As `readJournal`, only the lines about one workflow or vehicle. */
export async function readJournalOf(
  database: Queryable,
  cellId: string,
  subject: string,
  afterSeq: number,
  limit: number,
): Promise<StoredJournalLine[]> {
  return database.query<StoredJournalLine>(
    `select seq, at as "atMs", kind, subject, message, reasons from journal
     where cell_id = $1 and subject = $2 and seq > $3 order by seq limit $4`,
    [cellId, subject, afterSeq, limit],
  );
}
