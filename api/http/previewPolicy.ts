import { z } from 'zod';

import type { OwnerPolicy } from '../../domain/vehicles.ts';
import { readCellState } from '../../planning/cellState.ts';
import { partsOfCell, type CellWeights } from '../../planning/planningProblem.ts';
import { planPromises } from '../../planning/planPromises.ts';
import { outlookOf, withPolicy } from '../../planning/policyPreview.ts';
import { planCell } from '../../scheduler/planCell.ts';
import type { Database } from '../../store/database.ts';

/** A policy that nobody has put in force. Instants are grid time. */
export interface PolicyToPreview {
  readonly cell: { readonly id: string; readonly slotMinutes: number };
  /** Of the newest plan, beside which it is to be seen. */
  readonly slotStartMs: number;
  readonly vehicleId: string;
  readonly policy: OwnerPolicy;
  readonly nowMs: number;
  readonly weights: CellWeights;
}

export const carOutlookSchema = z.object({
  chargeKwh: z.number(),
  computeKwh: z.number(),
  computeHours: z.number(),
  costEur: z.number(),
  gramsCo2: z.number(),
  missing: z.array(z.string()),
});
export type CarOutlookAnswer = z.output<typeof carOutlookSchema>;

/** Plans the cell as it would be. Takes as long as a plan does: not for the process that serves everybody. */
export async function previewPolicy(database: Database, asked: PolicyToPreview): Promise<CarOutlookAnswer> {
  const { cell, slotStartMs, vehicleId, policy, nowMs, weights } = asked;
  const state = await readCellState(database, cell, slotStartMs);
  const parts = partsOfCell(withPolicy(state, vehicleId, policy, nowMs), weights);
  const { plan, problem } = await planPromises(parts, (made) => ({ plan: planCell(made) }));
  const outlook = outlookOf(problem, plan, vehicleId);
  return { ...outlook, missing: [...outlook.missing] };
}
