/** What is known of how fast a class of cars runs a model, in device time at full power (grid time). */
export interface KnownSpeed {
  /** As the model's manifest, its probe or the cell's file says. */
  readonly statedMsPerUnit: number;
  /** Of the newest shards that cars of the class have computed. */
  readonly measuredMsPerUnit: readonly number[];
}

/** Shards that a figure remembers: enough to outvote outliers, few enough to follow a fleet that changes. */
export const MAX_SPEED_SAMPLES = 31;
/** Until there are as many, what was expected has a vote too: one outlier alone never sets a speed. */
const MIN_SPEED_SAMPLES = 3;

/**
 * The speed of each class: the median of what was measured. A class without measurements is expected to differ from
 * what was stated by the same factor as the other classes do.
 */
export function speedsOf<Known extends KnownSpeed>(classes: readonly Known[]): (Known & { deviceMsPerUnit: number })[] {
  return classes.map((known) => {
    const { statedMsPerUnit, measuredMsPerUnit } = known;
    const factors = classes
      .filter((other) => other !== known && other.measuredMsPerUnit.length > 0)
      .map((other) => medianOf(other.measuredMsPerUnit) / other.statedMsPerUnit);
    const expectedMsPerUnit = statedMsPerUnit * (factors.length > 0 ? medianOf(factors) : 1);
    const votes =
      measuredMsPerUnit.length < MIN_SPEED_SAMPLES ? [...measuredMsPerUnit, expectedMsPerUnit] : measuredMsPerUnit;
    return { ...known, deviceMsPerUnit: medianOf(votes) };
  });
}

/** Of an even number the geometric mean of the two in the middle, since speeds differ by factors. */
export function medianOf(values: readonly number[]): number {
  const ascending = values.toSorted((a, b) => a - b);
  const lower = ascending[Math.floor((ascending.length - 1) / 2)] ?? 1;
  const upper = ascending[Math.floor(ascending.length / 2)] ?? 1;
  return Math.sqrt(lower * upper);
}
