/** What is wrong with a plan, in a form that a test and a person can read. */
export interface Finding {
  readonly rule: FindingRule;
  /** The car, job, feeder or substation. */
  readonly id: string;
  readonly slot?: number;
  readonly value?: number;
  readonly limit?: number;
  readonly text: string;
}

export const FINDING_RULES = {
  shape: 'The plan does not fit the problem: axis, cars, jobs or the length of a series.',
  plug_window: 'A car draws power while it is not plugged in.',
  charger: 'A car charges with more than its charger gives, or with less than it accepts.',
  cold: 'A car is charged in a slot that is colder than its battery allows.',
  energy: 'A car is charged with more than it needs.',
  compute_power: 'A car’s compute power is neither 0 nor what its class draws in that slot.',
  compute_forbidden: 'A car computes where owner, temperature or state of charge do not allow it.',
  plug_limit: 'Charge and compute together pass the limit of the plug.',
  feeder_import: 'A feeder’s cars draw more than the limit less the house load.',
  substation_import: 'A substation’s cars draw more than its limit.',
  ramp: 'A feeder’s load rises faster than the rule allows.',
  charge_starts: 'A car is switched on more often than the rule allows.',
  state_time: 'A car is on or off for a shorter time than the rule allows, without need.',
  start_delay: 'The starts of the committed slot are not spread as the rule says.',
  minimum_soc: 'An owner’s minimum is not served at once.',
  grants: 'Grants do not match the job, or the open gates.',
  wake_ups: 'A sleeping car computes without a wake-up, or a slot has too many.',
  unmet: 'What the plan says it leaves unmet is not what its setpoints leave unmet.',
  figures: 'A figure of the plan is not what its setpoints give.',
  reasons: 'A figure or slot in a reason is not what problem and setpoints give.',
  certificate: 'The certificate is not valid, or its bound is not what the plan says.',
} as const satisfies Record<string, string>;
export type FindingRule = keyof typeof FINDING_RULES;

/** Whether a stated figure is not the one that was found, beyond rounding; a figure that is no number always is. */
export function differs(stated: number, found: number): boolean {
  return !(Math.abs(stated - found) <= 1e-6 * (1 + Math.abs(found)));
}
