import { setTimeout as sleep } from 'node:timers/promises';
import { gridTimeMs, realDurationMs } from '../domain/clock.ts';
import type { Cell } from '../store/cells.ts';
import type { Database } from '../store/database.ts';
import { readJournal, type StoredJournalLine } from '../store/journal.ts';
import { listPresence } from '../store/presence.ts';
import type { DayProgress } from './console/progressText.ts';

const FOLLOW_EVERY_REAL_MS = 1_000;
const LINES_AT_ONCE = 500;
/** What is told of the days after the night: what submitters do. The rest is in the journal. */
const TOLD_KINDS = new Set(['job_accepted', 'job_finished']);

export interface DayPorts {
  readonly database: Database;
  readonly onLine: (line: StoredJournalLine) => void;
  readonly onProgress: (progress: DayProgress) => void;
  readonly signal: AbortSignal;
}

/** Follows the days after the night until the signal aborts. */
export async function followDays({ database, onLine, onProgress, signal }: DayPorts, cell: Cell): Promise<void> {
  const nowMs = (): number => Math.round(gridTimeMs(cell.clock, Date.now()));
  let seq: number | undefined;
  while (!signal.aborted) {
    // PostgreSQL may be restarted under us; the next look tells the rest.
    await (async () => {
      seq ??= await lastSeq(database, cell.id);
      const lines = await readJournal(database, cell.id, seq, LINES_AT_ONCE);
      for (const line of lines) if (TOLD_KINDS.has(line.kind)) onLine(line);
      seq = lines.at(-1)?.seq ?? seq;
      const regions = await listPresence(database, cell.id, nowMs());
      const arrivals = regions.flatMap(({ usualArrivalMs }) => (usualArrivalMs === null ? [] : [usualArrivalMs]));
      const nextArrivalMs = arrivals.length === 0 ? null : Math.min(...arrivals);
      onProgress({
        atMs: nowMs(),
        carsPluggedIn: regions.reduce((sum, { carsPluggedIn }) => sum + carsPluggedIn, 0),
        nextArrivalMs,
        nextArrivalRealMs: nextArrivalMs === null ? null : realDurationMs(cell.clock, nextArrivalMs - nowMs()),
      });
    })().catch(() => undefined);
    await sleep(FOLLOW_EVERY_REAL_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function lastSeq(database: Database, cellId: string): Promise<number> {
  const [row] = await database.query<{ seq: number }>(
    'select coalesce(max(seq), 0) as seq from journal where cell_id = $1',
    [cellId],
  );
  return row?.seq ?? 0;
}
