/** A straight map from values to pixels, with round ticks. */
export interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
  readonly low: number;
  readonly high: number;
}

/**
 * @param bottom pixel of `low`
 * @param top pixel of `high`
 * @param tickCount about so many ticks
 */
export function scale(low: number, high: number, bottom: number, top: number, tickCount: number): Scale {
  const span = high > low ? high - low : 1;
  const step = roundStep(span / tickCount);
  const ticks: number[] = [];
  for (let tick = Math.ceil(low / step) * step; tick <= low + span + step * 1e-6; tick += step) {
    // Adding 0 turns -0 into 0.
    ticks.push(Math.round(tick / step) * step + 0);
  }
  return { at: (value) => bottom + ((value - low) / span) * (top - bottom), ticks, low, high: low + span };
}

/** The next of 1, 2, 2.5, 5 times a power of ten. */
function roundStep(wanted: number): number {
  const power = 10 ** Math.floor(Math.log10(wanted));
  const factor = [1, 2, 2.5, 5, 10].find((candidate) => candidate * power >= wanted * (1 - 1e-9)) ?? 10;
  return factor * power;
}

/** A number as short as a tick label: 0.25, 12, 3.4k. */
export function tickText(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(4)));
}
