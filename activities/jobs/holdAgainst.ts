import { carReason, type CarReason } from '../../domain/claims.ts';
import type { Queryable } from '../../store/database.ts';
import { appendJournal } from '../../store/journal.ts';
import { updateClaims } from '../../store/vehicleClaims.ts';

/** Holds against a car what it did with its shards: until its stay ends it gets no compute. */
export async function holdAgainst(
  db: Queryable,
  cellId: string,
  { vehicleId, atMs, ...details }: HeldAgainst,
): Promise<void> {
  const held = await updateClaims(db, [{ vehicleId, atMs, source: 'work', reasons: [workReason(details)] }]);
  await appendJournal(db, cellId, held);
}

export function workReason(details: Omit<HeldAgainst, 'vehicleId' | 'atMs'>): CarReason {
  return carReason('work', 'safety', 'work_not_trusted', details);
}

interface HeldAgainst {
  readonly vehicleId: string;
  /** Grid time. */
  readonly atMs: number;
  readonly text: string;
  readonly value?: number;
  readonly limit?: number;
}
