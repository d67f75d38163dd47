import { z } from 'zod';

/**
 * Every reason that a plan gives, with what it means. Cars and jobs carry a set of them: a passing condition is added
 * to the owner's intent and never replaces it.
 */
export const PLAN_REASONS = {
  // Cars: charging.
  charging_cheapest_slot: 'It charges now because this slot is among the cheapest that it still has.',
  charging_may_leave: 'It charges now because it may have left before a cheaper slot comes.',
  charging_minimum_soc: 'It charges at once, at any price, because the battery is below the owner’s minimum.',
  charging_no_slack: 'It charges now because it needs every slot that is left before ready-by.',
  charging_negative_price: 'It charges now because the grid pays for it.',
  charging_late: 'Ready-by has passed with energy missing, so it charges without pause.',
  waiting_for_cheaper_slot: 'It waits because a later slot before ready-by is cheaper.',
  waiting_feeder_limit: 'It waits because the feeder’s limit in this slot is taken by others with less time.',
  waiting_below_minimum_current: 'It waits because the power that is left is below the least that the car accepts.',
  waiting_too_cold: 'It does not charge because its battery is colder than it may be charged at.',
  kept_on: 'It stays on to keep the number of starts within its limit.',
  kept_off: 'It stays off to keep the number of starts within its limit.',
  target_reached: 'It needs no more energy.',
  not_plugged_in: 'It is not plugged in in this slot.',
  ready_by_at_risk: 'The target cannot be reached by ready-by; the limits that bind are named.',
  // Cars: compute.
  computing_granted: 'It computes because a job’s cheapest open slot is now.',
  compute_no_work: 'It does not compute because no job may use it in this slot.',
  compute_cheaper_later: 'It does not compute because the jobs are served more cheaply in other slots.',
  compute_other_cars_first: 'It does not compute because other cars serve this slot’s work at lower cost.',
  compute_owner_hours: 'It does not compute outside the hours that the owner allows.',
  compute_opted_out: 'It does not compute because the owner has not opted in.',
  compute_too_hot: 'It does not compute because the ambient temperature is above the limit.',
  compute_derated_by_heat: 'It computes at reduced power because of the ambient temperature.',
  compute_soc_floor: 'It does not compute because the battery is below the floor for compute.',
  compute_feeder_limit: 'It does not compute because the feeder’s limit in this slot is taken.',
  compute_plug_limit: 'It does not compute because charging takes the whole plug.',
  compute_asleep: 'It is asleep and is not woken, since other cars serve the work.',
  compute_wake_up: 'It is woken because the work is worth more than the wake-up and the awake load.',
  compute_wake_cap: 'It is asleep and waits for its turn, since wake-ups per slot are capped.',
  // Jobs.
  job_running: 'It runs now because this slot is among the cheapest in its window.',
  job_no_slack: 'It runs now because it needs every slot that is left in its window.',
  job_waiting_for_cheaper_slot: 'It waits because later slots in its window are cheaper.',
  job_window_not_open: 'Its window has not opened.',
  job_window_closed: 'Its window has closed.',
  job_price_cap: 'It waits because the price is above the job’s cap.',
  job_carbon_cap: 'It waits because the grid’s carbon intensity is above the job’s cap.',
  job_no_car: 'No car of its classes and regions may compute in this slot.',
  job_deadline_at_risk: 'It cannot be finished in its window; the limits that bind are named.',
  job_finishes: 'It is expected to finish by the slot that is named.',
  // Inputs and fallbacks.
  signal_fallback: 'A signal is missing or expired; the value used instead is named.',
  import_limit_fail_safe: 'The feeder’s import limit is unknown or expired, so its fail-safe limit holds.',
  house_load_unknown: 'The house load is unknown, so the whole limit is taken as used.',
  emergency_limit: 'The import limit is below the house load, so cars draw nothing.',
  previous_plan_kept: 'The planner did not finish; the last plan is kept, tightened to today’s limits.',
} as const satisfies Record<string, string>;

export type PlanReasonCode = keyof typeof PLAN_REASONS;

const reasonCodeSchema = z.custom<PlanReasonCode>(
  (value) => typeof value === 'string' && Object.hasOwn(PLAN_REASONS, value),
  'is not a reason code',
);

/** A reason with the value that was measured, the limit it was held against, and both in words. */
export const planReasonSchema = z.object({
  code: reasonCodeSchema,
  /** A sentence with the figures in it, for people. */
  text: z.string(),
  value: z.number().optional(),
  limit: z.number().optional(),
  /** Unit of `value` and `limit`. */
  unit: z.string().optional(),
  /** The slot that the reason speaks of, when it is not the committed one. */
  slot: z.number().int().optional(),
});
export type PlanReason = z.infer<typeof planReasonSchema>;

/** Makes a reason; `text` defaults to the code's meaning. */
export function reason(
  code: PlanReasonCode,
  details: { text?: string; value?: number; limit?: number; unit?: string; slot?: number } = {},
): PlanReason {
  return { code, ...details, text: details.text ?? PLAN_REASONS[code] };
}
