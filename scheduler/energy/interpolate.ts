/** A point of a piecewise linear curve: [x, y], ascending in x. */
export type CurvePoint = readonly [x: number, y: number];

/** The curve's value at `x`; constant before the first point and after the last. */
export function interpolate(curve: readonly CurvePoint[], x: number): number {
  let previous = curve[0];
  if (previous === undefined) throw new RangeError('a curve needs at least one point');
  if (x <= previous[0]) return previous[1];
  for (const point of curve) {
    if (x <= point[0]) {
      const share = (x - previous[0]) / (point[0] - previous[0]);
      return previous[1] + share * (point[1] - previous[1]);
    }
    previous = point;
  }
  return previous[1];
}
