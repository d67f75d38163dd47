import type { Queryable } from '../../store/database.ts';
import { listLedgerEntries } from '../../store/ledger.ts';
import { readMeteredEnergy } from '../../store/meters.ts';
import type { TimeWindow } from '../../store/signals.ts';

/** What a stay came to, for the owner. */
export interface OwnerStatement {
  readonly chargingKwh: number;
  readonly computeKwh: number;
  readonly creditEur: number;
  readonly entries: readonly {
    readonly kind: string;
    readonly quantity: number;
    readonly unit: string;
    readonly amountEur: number;
  }[];
}

/** Meter and ledger of one car within a window of grid time. */
export async function statementOf(database: Queryable, vehicleId: string, window: TimeWindow): Promise<OwnerStatement> {
  // The booking of the stay's own end lies on the window's edge.
  const entries = await listLedgerEntries(database, vehicleId, { startMs: window.startMs, endMs: window.endMs + 1 });
  const { chargingKwh, computeKwh } = await readMeteredEnergy(database, vehicleId, window);
  return {
    chargingKwh,
    computeKwh,
    creditEur: entries.reduce((sum, { amountEur }) => sum + amountEur, 0),
    entries: entries.map(({ kind, quantity, unit, amountEur }) => ({ kind, quantity, unit, amountEur })),
  };
}
