/** One slot's price and carbon; null where unknown. */
export interface PricedSlot {
  readonly startMs: number;
  readonly endMs: number;
  readonly priceEurPerKwh: number | null;
  readonly carbonGPerKwh: number | null;
  /** False where the import limit is 0. */
  readonly mayImport: boolean;
}

/** Share of the known slots that counts as off-peak. */
export const OFF_PEAK_SHARE = 0.4;

/**
 * Off-peak windows: the cheapest 40 % of the known slots by price plus weighted carbon, neighbours merged, without
 * those in which nothing may be imported. They tell
 * people when the grid can spare power; the planner itself works on the prices and limits of every slot. Callers pass
 * a fixed period, such as noon to noon: on a rolling one, windows would move while they are open.
 * @param slots ascending, without gaps
 * @param carbonEurPerKg what a kilogram of CO2 counts for beside the price
 * @returns half-open windows, ascending, epoch milliseconds
 */
export function offPeakWindows(
  slots: readonly PricedSlot[],
  carbonEurPerKg: number,
): { readonly startMs: number; readonly endMs: number }[] {
  const costed = slots.flatMap((slot) =>
    slot.priceEurPerKwh === null
      ? []
      : [{ ...slot, cost: slot.priceEurPerKwh + ((slot.carbonGPerKwh ?? 0) / 1000) * carbonEurPerKg }],
  );
  const ranked = costed.map((slot) => slot.cost).sort((a, b) => a - b);
  const dearest = ranked[Math.ceil(ranked.length * OFF_PEAK_SHARE) - 1];
  if (dearest === undefined) return [];
  const windows: { startMs: number; endMs: number }[] = [];
  for (const slot of costed) {
    if (slot.cost > dearest || !slot.mayImport) continue;
    const last = windows.at(-1);
    if (last && last.endMs === slot.startMs) last.endMs = slot.endMs;
    else windows.push({ startMs: slot.startMs, endMs: slot.endMs });
  }
  return windows;
}
