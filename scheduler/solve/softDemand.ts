/**
 * What a feeder's cars and gates draw at given prices when they are a little reluctant to draw all of a slot: a kW more
 * costs `softness` EUR/kWh more at full power than at none. So demand follows prices steadily, and its slope is known.
 * Sums are added to what is there, in quanta.
 */
export interface SoftSums {
  /** What they would pay at least: concave in the prices. */
  value: number;
  /** By slot. */
  readonly load: Float64Array;
  /** How much less is drawn in a slot for a dearer slot: slots × slots, lower half. */
  readonly slope: Float64Array;
  /** Rectangles of it: a value counts for all slots from its own on in both directions; (slots + 1)². */
  readonly corners: Float64Array;
  /** The same by (slot, job) for a job's worth. */
  readonly slopeOfJob: Float64Array;
  /** By (job, job), and shards that are done, in quanta too. */
  readonly slopeOfJobs: Float64Array;
  readonly done: Float64Array;
}
