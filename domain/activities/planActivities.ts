import type { PlanDispatch } from '../workflows/coSchedule.ts';

/** What `coSchedule` asks for. Instants are grid time in epoch milliseconds. */
export interface PlanActivities {
  /** Plans the cell from `slotStartMs` on and stores the plan; gives what workflows need of it. */
  planCell(request: {
    readonly cellId: string;
    readonly slotStartMs: number;
    readonly cause: string;
  }): Promise<PlanDispatch>;
  /** Puts the plan's next slots onto the cars as retained setpoint profiles. */
  publishSetpoints(request: { readonly planId: string }): Promise<void>;
  /** Tells the sessions whose setpoint or reasons changed with this plan what they are to do, and why. */
  tellSessions(request: { readonly planId: string }): Promise<void>;
  /** Asks the modems of sleeping cars to wake them. */
  wakeVehicles(request: { readonly cellId: string; readonly vehicles: PlanDispatch['vehiclesToWake'] }): Promise<void>;
}
