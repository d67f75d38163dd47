import { MINUTE_MS } from '../domain/durations.ts';
import { gridDay } from '../domain/gridDay.ts';
import { regionWindows } from '../scheduler/regionWindows.ts';
import { rankSources } from '../scheduler/sources.ts';
import { seriesOnAxis, type SlotAxis } from '../scheduler/time.ts';
import type { Queryable } from '../store/database.ts';
import { listRegions, readRegion } from '../store/regions.ts';
import { readSignals, type SignalKind, type SignalSpan, type TimeWindow } from '../store/signals.ts';
import { CARBON_EUR_PER_KG } from './carbonPrice.ts';

/** What a region's grid was like while work was done there. */
export interface GridDuring {
  /** Undefined: nobody knew it, neither then nor there nor elsewhere. */
  readonly priceEurPerKwh: number | undefined;
  readonly carbonGPerKwh: number | undefined;
  /** Share of the time that lay in off-peak windows, 0 to 1. */
  readonly offPeakShare: number;
}

const SLOT_MINUTES = 15;
const SLOT_MS = SLOT_MINUTES * MINUTE_MS;
const KINDS: readonly SignalKind[] = ['price', 'carbon', 'marginal_carbon', 'import_limit'];

/**
 * Price and carbon intensity of a region in a span of grid time, from the sources and with the stand-ins that plans use
 * (planning/gridProblem.ts): ranked sources, the mean of the region's day for what is missing, then that of other regions.
 */
export async function gridDuring(database: Queryable, regionId: string, window: TimeWindow): Promise<GridDuring> {
  const region = await readRegion(database, regionId);
  if (!region) return { priceEurPerKwh: undefined, carbonGPerKwh: undefined, offPeakShare: 0 };
  const period = gridDay(region.timeZone, window.startMs);
  const day = { startMs: period.startMs, endMs: Math.max(period.endMs, window.endMs) };
  const signals = await readSignals(database, regionId, day, KINDS);
  const elsewhere = async (kind: SignalKind): Promise<number | undefined> => {
    const values: number[] = [];
    for (const { id } of await listRegions(database, region.cellId))
      values.push(...(await readSignals(database, id, day, [kind])).map(({ value }) => value));
    return mean(values);
  };
  const during = async (kind: SignalKind): Promise<number | undefined> => {
    const spans = signals.filter((span) => span.kind === kind && span.feederId === null);
    return valueDuring(spans, window) ?? mean(spans.map(({ value }) => value)) ?? (await elsewhere(kind));
  };
  const windows = regionWindows({
    period,
    signals,
    feederIds: [],
    nowMs: window.startMs,
    carbonEurPerKg: CARBON_EUR_PER_KG,
  });
  return {
    priceEurPerKwh: await during('price'),
    // As `carbonKind`: average intensity where the cell knows any.
    carbonGPerKwh: (await during('carbon')) ?? (await during('marginal_carbon')),
    offPeakShare: shareWithin(window, windows),
  };
}

/** The mean over the slots that the window touches, or undefined where none of them is known. */
function valueDuring(spans: readonly SignalSpan[], { startMs, endMs }: TimeWindow): number | undefined {
  const first = Math.floor(startMs / SLOT_MS);
  const count = Math.max(1, Math.ceil(endMs / SLOT_MS) - first);
  const axis: SlotAxis = { startMs: first * SLOT_MS, slotMinutes: SLOT_MINUTES, count };
  return mean(seriesOnAxis(axis, rankSources(spans, startMs)).filter((value) => value !== null));
}

function shareWithin({ startMs, endMs }: TimeWindow, windows: readonly TimeWindow[]): number {
  const isInstant = endMs <= startMs;
  if (isInstant) return windows.some((each) => each.startMs <= startMs && startMs < each.endMs) ? 1 : 0;
  const within = windows.reduce(
    (sum, each) => sum + Math.max(0, Math.min(endMs, each.endMs) - Math.max(startMs, each.startMs)),
    0,
  );
  return within / (endMs - startMs);
}

function mean(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}
