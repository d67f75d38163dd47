import type uPlot from 'uplot';
import { number } from './format.ts';

/** How charts write their axes. */
export const AXIS_FONT = '11px Inter, system-ui, sans-serif';

/** Values with as many digits as their steps need, the last one with its unit. */
export function inUnit(unit: string): (chart: uPlot, splits: number[]) => string[] {
  return (_, splits) => {
    const step = Math.abs((splits[1] ?? 1) - (splits[0] ?? 0));
    // A step of 2.5 in whole numbers would read 3, 5, 8.
    const digits =
      [0, 1, 2].find((places) => Math.abs(step * 10 ** places - Math.round(step * 10 ** places)) < 1e-6) ?? 2;
    return splits.map((value, at) =>
      at === splits.length - 1 ? `${number(value, digits)} ${unit}` : number(value, digits),
    );
  };
}
