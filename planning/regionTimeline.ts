import { MINUTE_MS } from '../domain/durations.ts';
import { seriesOnAxis, slotAt, slotHours, slotStartMs, type SlotAxis } from '../scheduler/time.ts';
import { carbonKind, rankSources } from '../scheduler/sources.ts';
import type { FeederDraw } from '../store/feederMeters.ts';
import type { Feeder } from '../store/feeders.ts';
import type { FeederSlot } from '../store/feederSlots.ts';
import type { SignalKind, SignalSpan } from '../store/signals.ts';
import type { FeederForecast } from './feederForecast.ts';
import { tightestLimitKw } from './importLimits.ts';

/** One value per slot; null where nothing is known. */
export type KnownSeries = readonly (number | null)[];

/** A feeder, or a region's feeders together, on one time axis: what was planned, what was metered, what limits it. */
export interface LoadTimeline {
  /** In force, the fail-safe where nobody states any; kW. */
  readonly limitKw: readonly number[];
  /** What the houses draw; kW. */
  readonly houseKw: KnownSeries;
  /** Cars together, kW at the plugs: committed in slots that have begun, a forecast in those ahead. */
  readonly plannedChargeKw: KnownSeries;
  readonly plannedComputeKw: KnownSeries;
  /** Mean power by the cars' meters, kW at the plugs; null in slots that have not ended. */
  readonly meteredChargeKw: KnownSeries;
  readonly meteredComputeKw: KnownSeries;
  /** Dual price of the limit, EUR per kWh; 0 where it does not bind. Of several feeders the highest. */
  readonly rentEurPerKwh: KnownSeries;
}

/** What a region's timelines are made from. */
export interface TimelineFacts {
  readonly axis: SlotAxis;
  /** Grid time. */
  readonly nowMs: number;
  readonly signals: readonly SignalSpan[];
  readonly committed: readonly FeederSlot[];
  readonly draws: readonly FeederDraw[];
  /** The newest plan, by feeder; undefined before the first. */
  readonly plan: { readonly axis: SlotAxis; readonly byFeeder: ReadonlyMap<string, FeederForecast> } | undefined;
}

/** What holds in the whole region, slot by slot. */
export function regionSeries({
  axis,
  nowMs,
  signals,
}: TimelineFacts): Record<'price' | 'carbon' | 'temperature', KnownSeries> {
  const regional = signals.filter(({ feederId }) => feederId === null);
  const of = (kind: SignalKind): KnownSeries =>
    seriesOnAxis(
      axis,
      rankSources(
        regional.filter((span) => span.kind === kind),
        nowMs,
      ),
    );
  return { price: of('price'), carbon: of(carbonKind(signals)), temperature: of('temperature') };
}

export function feederTimeline(facts: TimelineFacts, feeder: Feeder): LoadTimeline {
  const { axis, nowMs, plan } = facts;
  const ofFeeder = facts.signals.filter(({ feederId }) => feederId === feeder.id || feederId === null);
  const house = ofFeeder.filter(({ kind, feederId }) => kind === 'house_load' && feederId === feeder.id);
  const bySlot = <Row extends { readonly feederId: string; readonly slotStartMs: number }>(rows: readonly Row[]) =>
    new Map(rows.filter(({ feederId }) => feederId === feeder.id).map((row) => [row.slotStartMs, row]));
  const committed = bySlot(facts.committed);
  const draws = bySlot(facts.draws);
  const forecast = plan?.byFeeder.get(feeder.id);

  const onSlots = (valueAt: (startMs: number) => number | null): (number | null)[] =>
    Array.from({ length: axis.count }, (_, slot) => valueAt(slotStartMs(axis, slot)));
  const planned = (of: (row: FeederSlot) => number, ahead: (each: FeederForecast) => ArrayLike<number>): KnownSeries =>
    onSlots((startMs) => {
      const planSlot = plan ? slotAt(plan.axis, startMs) : -1;
      if (forecast && planSlot >= 0) return ahead(forecast)[planSlot] ?? null;
      const row = committed.get(startMs);
      return row ? of(row) : null;
    });
  const metered = (of: (row: FeederDraw) => number): KnownSeries =>
    onSlots((startMs) => {
      if (startMs + axis.slotMinutes * MINUTE_MS > nowMs) return null;
      const row = draws.get(startMs);
      if (row) return of(row) / slotHours(axis);
      // A slot in which nothing flowed has no row; before the first plan there is no saying.
      return committed.has(startMs) ? 0 : null;
    });
  return {
    limitKw: tightestLimitKw(axis, ofFeeder, feeder).map((limitKw) => limitKw ?? feeder.failSafeImportKw),
    houseKw: seriesOnAxis(axis, rankSources(house, nowMs)),
    plannedChargeKw: planned(
      (row) => row.chargeKw,
      (each) => each.chargeKw,
    ),
    plannedComputeKw: planned(
      (row) => row.computeKw,
      (each) => each.computeKw,
    ),
    meteredChargeKw: metered((row) => row.chargingKwh),
    meteredComputeKw: metered((row) => row.computeKwh),
    rentEurPerKwh: planned(
      (row) => row.rentEurPerKwh,
      (each) => each.rentEurPerKwh,
    ),
  };
}

/** Feeders together: powers and limits add up, of rents the highest is named. */
export function togetherTimeline(timelines: readonly LoadTimeline[], count: number): LoadTimeline {
  const merged = (
    of: (each: LoadTimeline) => KnownSeries,
    merge: (a: number, b: number) => number,
  ): (number | null)[] =>
    Array.from({ length: count }, (_, slot) => {
      let value: number | null = null;
      for (const timeline of timelines) {
        const more = of(timeline)[slot] ?? null;
        if (more !== null) value = value === null ? more : merge(value, more);
      }
      return value;
    });
  const sum = (of: (each: LoadTimeline) => KnownSeries): (number | null)[] => merged(of, (a, b) => a + b);
  return {
    limitKw: sum((each) => each.limitKw).map((limitKw) => limitKw ?? 0),
    houseKw: sum((each) => each.houseKw),
    plannedChargeKw: sum((each) => each.plannedChargeKw),
    plannedComputeKw: sum((each) => each.plannedComputeKw),
    meteredChargeKw: sum((each) => each.meteredChargeKw),
    meteredComputeKw: sum((each) => each.meteredComputeKw),
    rentEurPerKwh: merged((each) => each.rentEurPerKwh, Math.max),
  };
}
