import { HOUR_MS } from '../../../domain/durations.ts';
import { firstCovers } from '../../../scheduler/firstCovers.ts';
import { rankSources } from '../../../scheduler/sources.ts';
import type { SignalSpan } from '../../../store/signals.ts';
import type { TimeSpan } from './timing.ts';

/**
 * Energy that the houses of the feeders take within a span together, kWh, by what is known of their load.
 * @param loads signals of kind `house_load`
 * @returns null where the load of a feeder is not known throughout
 */
export function houseEnergy(
  loads: readonly SignalSpan[],
  feederIds: readonly string[],
  nowMs: number,
): (span: TimeSpan) => number | null {
  const byFeeder = feederIds.map((id) => {
    const own = loads.filter(({ feederId }) => feederId === id);
    return firstCovers(rankSources(own, nowMs).toReversed());
  });
  return ({ startMs, endMs }) => {
    let kwh = 0;
    for (const known of byFeeder) {
      let coveredMs = 0;
      for (const { startMs: fromMs, endMs: untilMs, value } of known) {
        const overlapMs = Math.max(0, Math.min(endMs, untilMs) - Math.max(startMs, fromMs));
        coveredMs += overlapMs;
        kwh += (value * overlapMs) / HOUR_MS;
      }
      if (coveredMs < endMs - startMs) return null;
    }
    return kwh;
  };
}
