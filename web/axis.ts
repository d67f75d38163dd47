import type uPlot from 'uplot';
import { number } from './format.ts';

/** How charts write their axes. */
export const AXIS_FONT = '11px Inter, system-ui, sans-serif';

/** Values with as many digits as their steps need, the last one with its unit. */
export function inUnit(unit: string): (chart: uPlot, splits: number[]) => string[] {
  return (_, splits) => {
    const step = Math.abs((splits[1] ?? 1) - (splits[0] ?? 0));
    const digits = step >= 1 || step === 0 ? 0 : step >= 0.1 ? 1 : 2;
    return splits.map((value, at) =>
      at === splits.length - 1 ? `${number(value, digits)} ${unit}` : number(value, digits),
    );
  };
}
