import { MINUTE_MS } from '../../domain/durations.ts';
import type { JournalLine } from '../../domain/journal.ts';
import { workflowIds } from '../../domain/names.ts';
import { doubted } from '../../domain/trust/reputation.ts';
import type { Queryable } from '../../store/database.ts';
import { correctBooking, listStayLines } from '../../store/ledger.ts';
import { listComputeSlots, readMeterFacts } from '../../store/paidCompute.ts';
import { listReputations, updateReputation } from '../../store/reputations.ts';
import type { TimeWindow } from '../../store/signals.ts';
import type { Vehicle } from '../../store/vehicles.ts';
import { explainedWh } from '../jobs/payableEnergy.ts';

/**
 * Holds what the quarter hours of a stay were paid for against what their meter has counted by now: a shard may have been
 * accepted before its last readings came. What no reading explains is taken back, and the car is on probation. Once for
 * each stay.
 * @param during of the stay, grid time
 * @returns what to append to the journal
 */
export async function balanceStay(
  tx: Queryable,
  { id: vehicleId, displayName }: Pick<Vehicle, 'id' | 'displayName'>,
  stay: number,
  during: TimeWindow,
): Promise<JournalLine[]> {
  const facts = await readMeterFacts(tx, vehicleId);
  if (!facts || facts.readAtMs === null) return [];
  const slotMs = facts.slotMinutes * MINUTE_MS;
  const readAtMs = facts.readAtMs;
  const window = { startMs: Math.floor(during.startMs / slotMs) * slotMs, endMs: during.endMs };
  // Of a slot that is not read to its end, or to that of the stay, nobody knows what it has counted.
  const known = (await listComputeSlots(tx, vehicleId, window)).map(
    ({ slotStartMs, computeKwh, paidWh: ofSlotWh }) => ({
      isRead: readAtMs >= Math.min(slotStartMs + slotMs, during.endMs),
      meteredWh: computeKwh * 1000,
      paidWh: ofSlotWh,
    }),
  );
  const read = explainedWh(
    known.filter(({ isRead }) => isRead),
    facts.isCharger ? 'charger' : 'car',
  );
  const unreadWh = known.filter(({ isRead }) => !isRead).reduce((sum, slot) => sum + slot.paidWh, 0);
  const [paidWh, keptWh] = [read.paidWh + unreadWh, read.explainedWh + unreadWh];
  if (paidWh - keptWh < LEAST_WH) return [];
  const found = `Its meter explains ${keptWh.toFixed(1)} of the ${paidWh.toFixed(1)} Wh that the quarter hours of this stay were paid for.`;
  const reference = workflowIds.session(vehicleId, stay);
  const lines = await listStayLines(tx, vehicleId, stay);
  const work = lines.filter(({ kind }) => kind === 'compute' || kind === 'quorum').map(({ key }) => key);
  for (const corrects of new Set(work)) {
    const key = `meter/${reference}/${corrects}`;
    await correctBooking(tx, { corrects, key, keep: keptWh / paidWh, of: 'pay', reason: found, atMs: during.endMs });
  }
  for (const { modelFamily, hardwareClass } of await listReputations(tx, vehicleId)) {
    await updateReputation(tx, { vehicleId, modelFamily, hardwareClass }, (before) => ({
      reputation: doubted(before),
    }));
  }
  const message = `${displayName}: ${found} The rest is taken back`;
  return [{ atMs: during.endMs, kind: 'fallback', subject: vehicleId, message, dedupeKey: `meter/${reference}` }];
}

/** Less is rounding. */
const LEAST_WH = 1;
