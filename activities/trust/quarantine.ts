import { carReason, type CarReason } from '../../domain/claims.ts';
import type { JournalLine } from '../../domain/journal.ts';
import type { Queryable } from '../../store/database.ts';
import { openQuarantine, type QuarantineEvidence } from '../../store/quarantines.ts';
import { updateClaims } from '../../store/vehicleClaims.ts';
import type { Vehicle } from '../../store/vehicles.ts';

/**
 * Puts a car into quarantine: it gets no work, and what it has answered counts for nothing, until the operator says
 * otherwise.
 * @returns its quarantine, and what to append to the journal, last in the transaction
 */
export async function quarantine(
  tx: Queryable,
  { id: vehicleId, displayName }: Pick<Vehicle, 'id' | 'displayName'>,
  evidence: QuarantineEvidence,
  nowMs: number,
): Promise<{ readonly quarantineId: number | undefined; readonly journal: JournalLine[] }> {
  const { jobId, shard, checked, differing, tokens = 0, divergent = 0 } = evidence;
  const ofTokens =
    tokens === 0 ? '' : `, and ${divergent} of their ${tokens} tokens are not what the model draws there`;
  const reason =
    `${differing.length} of ${checked} answers of shard ${shard} of ${jobId} that were checked on a trusted computer ` +
    `are other than that one’s${ofTokens}: more than any honest computer’s.`;
  const quarantineId = await openQuarantine(tx, { vehicleId, sinceMs: nowMs, reason, evidence });
  const text = `It is in quarantine: ${reason}`;
  const reasons = [quarantineReason({ text, value: differing.length, limit: checked })];
  const held = await updateClaims(tx, [{ vehicleId, atMs: nowMs, source: 'trust', reasons }]);
  const line: JournalLine = {
    atMs: nowMs,
    kind: 'quarantined',
    subject: vehicleId,
    message: `${displayName} is in quarantine: ${reason}`,
    dedupeKey: `quarantined/${vehicleId}/${quarantineId}`,
  };
  return { quarantineId, journal: [line, ...held] };
}

/** @param details.value answers that differ @param details.limit of so many that were computed again */
export function quarantineReason(details: {
  readonly text: string;
  readonly value: number;
  readonly limit: number;
}): CarReason {
  return carReason('trust', 'safety', 'quarantined', details);
}
