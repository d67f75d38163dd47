import { carReason, type CarReason } from '../../domain/claims.ts';
import type { JournalLine } from '../../domain/journal.ts';
import type { Queryable } from '../../store/database.ts';
import { updateClaims } from '../../store/vehicleClaims.ts';

/**
 * Holds against cars what they did with their shards: until their stay ends they get no compute.
 * @returns what to append to the journal, last in the transaction
 */
export async function holdAgainst(database: Queryable, held: readonly HeldAgainst[]): Promise<JournalLine[]> {
  return updateClaims(
    database,
    held.map(({ vehicleId, atMs, ...details }) => ({
      vehicleId,
      atMs,
      source: 'work',
      reasons: [workReason(details)],
    })),
  );
}

export function workReason(details: Omit<HeldAgainst, 'vehicleId' | 'atMs'>): CarReason {
  return carReason('work', 'safety', 'work_not_trusted', details);
}

export interface HeldAgainst {
  readonly vehicleId: string;
  /** Grid time. */
  readonly atMs: number;
  readonly text: string;
  readonly value?: number;
  readonly limit?: number;
}
