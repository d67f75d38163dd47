import type { Logger } from 'pino';
import { gridTimeMs } from '../../domain/clock.ts';
import { appendJournal } from '../../store/journal.ts';
import type { Cell } from '../../store/cells.ts';
import type { Database } from '../../store/database.ts';

/** Journals what a car did at the broker that it may not; the broker does not wait for it. */
export function misuseTeller(database: Database, cell: Cell, logger: Logger) {
  return (carId: string, what: string): void => {
    const atMs = Math.round(gridTimeMs(cell.clock, Date.now()));
    const line = { atMs, kind: 'fallback', subject: carId, message: `${carId} ${what}.` } as const;
    appendJournal(database, cell.id, [line]).catch((error: unknown) =>
      logger.warn({ err: error, vehicleId: carId, what }, 'a car’s misuse of the broker could not be journalled'),
    );
  };
}
