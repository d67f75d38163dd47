import type { PlanningProblemInput } from '../scheduler/problem.ts';
import { reason, type PlanReason } from '../scheduler/reasons.ts';
import { firstCovers } from '../scheduler/firstCovers.ts';
import { carbonKind, rankSources, STALE_AFTER_HOURS, staleSources } from '../scheduler/sources.ts';
import { seriesOnAxis } from '../scheduler/time.ts';
import type { Feeder } from '../store/feeders.ts';
import type { Region } from '../store/regions.ts';
import type { SignalKind, SignalSpan } from '../store/signals.ts';
import { tightestLimitKw } from './importLimits.ts';
import type { CellState } from './cellState.ts';

type RegionInput = PlanningProblemInput['regions'][number];
type FeederInput = PlanningProblemInput['feeders'][number];

/** Used where no temperature is known at all: mild, since heat would only be guessed. */
const UNKNOWN_AMBIENT_CELSIUS = 15;

/** The region's series on the slot axis. What is missing or stale becomes a stated fallback, never a silent zero. */
export function planningRegion(state: CellState, region: Region): RegionInput {
  const fallbacks: PlanReason[] = [];
  const filled = (kind: SignalKind, label: string, unknown: number): number[] => {
    const spans = spansOf(state, kind, region.id, null);
    fallbacks.push(...staleReasons(state, spans, `${label} of ${region.id}`));
    const known = seriesOnAxis(state.axis, rankSources(spans, state.axis.startMs));
    const values = known.filter((value) => value !== null);
    if (values.length === known.length) return values;
    const missing = known.length - values.length;
    const elsewhere = state.signals.filter((span) => span.kind === kind).map(({ value }) => value);
    const stand = mean(values) ?? mean(elsewhere) ?? unknown;
    fallbacks.push(
      reason('signal_fallback', {
        text: `${label} of ${region.id} is unknown in ${missing} of ${known.length} slots; ${stand.toFixed(3)} is used.`,
        value: missing,
        limit: known.length,
        unit: 'slots',
      }),
    );
    return known.map((value) => value ?? stand);
  };
  // Of one kind in the whole cell: its regions are weighed against each other.
  const carbon = carbonKind(state.signals);
  const carbonLabel = carbon === 'carbon' ? 'The carbon intensity' : 'The marginal carbon intensity';
  return {
    id: region.id,
    priceEurPerKwh: filled('price', 'The price', 0),
    carbonGPerKwh: filled(carbon, carbonLabel, 0),
    ambientCelsius: filled('temperature', 'The temperature', UNKNOWN_AMBIENT_CELSIUS),
    fallbacks: [...fallbacks, ...houseLoadReasons(state, region)],
  };
}

function houseLoadReasons(state: CellState, region: Region): PlanReason[] {
  return state.feeders.flatMap((feeder) => {
    if (feeder.regionId !== region.id) return [];
    const missing = houseLoadOf(state, feeder).filter((value) => value === null).length;
    if (missing === 0) return [];
    const { count } = state.axis;
    const text = `The house load of ${feeder.id} is unknown in ${missing} of ${count} slots; its whole limit is taken as used.`;
    return [reason('house_load_unknown', { text, value: missing, limit: count, unit: 'slots' })];
  });
}

/** One reason for each stale source that the plan rests on for want of a better one. */
function staleReasons({ axis }: CellState, spans: readonly SignalSpan[], label: string): PlanReason[] {
  const stale = staleSources(spans, axis.startMs);
  if (stale.size === 0) return [];
  const used = new Set(firstCovers(rankSources(spans, axis.startMs).toReversed()).map(({ source }) => source));
  return [...stale]
    .filter(([source]) => used.has(source))
    .map(([source, hours]) =>
      reason('signal_fallback', {
        text: `${label} rests on ${source}, which was last read ${hours.toFixed(1)} h ago.`,
        value: hours,
        limit: STALE_AFTER_HOURS,
        unit: 'h',
      }),
    );
}

function mean(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The feeder's limits and house load on the slot axis. */
export function planningFeeder(state: CellState, feeder: Feeder): FeederInput {
  const importLimitKw = tightestLimitKw(state.axis, state.signals, feeder);
  // Cars that are not enrolled draw at our chargers, for nobody knows how long.
  const foreignKw = state.foreignLoadKw.get(feeder.id) ?? 0;
  return {
    id: feeder.id,
    regionId: feeder.regionId,
    failSafeImportKw: feeder.failSafeImportKw,
    importLimitKw,
    // An unknown house load takes the whole limit: what is left for cars is then nothing, never too much.
    houseLoadKw: houseLoadOf(state, feeder).map(
      (value, slot) => (value ?? importLimitKw[slot] ?? feeder.failSafeImportKw) + foreignKw,
    ),
  };
}

function houseLoadOf(state: CellState, feeder: Feeder): (number | null)[] {
  return seriesOnAxis(
    state.axis,
    rankSources(spansOf(state, 'house_load', feeder.regionId, feeder.id), state.axis.startMs),
  );
}

export function spansOf(
  state: CellState,
  kind: SignalKind,
  regionId: string,
  feederId: string | null,
): readonly SignalSpan[] {
  return state.signals.filter((span) => span.kind === kind && span.regionId === regionId && span.feederId === feederId);
}
