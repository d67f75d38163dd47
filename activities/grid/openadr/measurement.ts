import { HOUR_MS } from '../../../domain/durations.ts';
import type { EventMeasurement } from '../../../domain/openAdr.ts';
import type { Baseline } from './baseline.ts';
import { energyWithin, slotsTouching, type SlotEnergy } from './slotEnergy.ts';
import type { Occurrence, TimeSpan } from './timing.ts';

export interface MeasurementFacts {
  readonly baseline: Baseline;
  /** Of the event's feeders together. */
  readonly energy: SlotEnergy;
  readonly energyByCar: ReadonlyMap<string, SlotEnergy>;
  /** What the feeders' houses took; null where that is not known throughout. */
  readonly houseKwh: (span: TimeSpan) => number | null;
  /** Intervals that are over, in order. */
  readonly occurrences: readonly Occurrence[];
  readonly receivedMs: number;
  /** When the first plan that knew of the event was made; null when none was. */
  readonly plannedMs: number | null;
  readonly slotMs: number;
}

/** Below this, a car took no part. */
const NOTICEABLE_KWH = 0.01;

/** What the event did to the metered load, interval by interval and car by car. Sums are those of the intervals. */
export function measureEvent(facts: MeasurementFacts): EventMeasurement {
  const { baseline, energy, occurrences, receivedMs, plannedMs, slotMs } = facts;
  const intervals = occurrences.map(({ intervalId, startMs, endMs }) => ({
    intervalId,
    startMs,
    endMs,
    baselineKwh: energyWithin(baseline.slots, { startMs, endMs }, slotMs),
    meteredKwh: energyWithin(energy, { startMs, endMs }, slotMs),
    houseKwh: facts.houseKwh({ startMs, endMs }),
  }));
  const baselineKwh = intervals.reduce((sum, interval) => sum + interval.baselineKwh, 0);
  const meteredKwh = intervals.reduce((sum, interval) => sum + interval.meteredKwh, 0);
  return {
    method: baseline.method,
    methodText: baseline.methodText,
    intervals,
    baselineKwh,
    meteredKwh,
    shedKwh: baselineKwh - meteredKwh,
    planSeconds: plannedMs === null ? null : Math.max(0, plannedMs - receivedMs) / 1000,
    responseSeconds: responseSeconds(facts),
    cars: carsOf(facts),
  };
}

/** The first whole slot of the event whose energy lies below the baseline's ends the response. */
function responseSeconds({ baseline, energy, occurrences, receivedMs, slotMs }: MeasurementFacts): number | null {
  const first = occurrences[0];
  const last = occurrences.at(-1);
  if (!first || !last) return null;
  const sinceMs = Math.max(receivedMs, first.startMs);
  const below = slotsTouching({ startMs: first.startMs, endMs: last.endMs }, slotMs).find(
    (slot) => slot >= first.startMs && (energy.get(slot) ?? 0) < (baseline.slots.get(slot) ?? 0) - NOTICEABLE_KWH,
  );
  return below === undefined ? null : Math.max(0, below + slotMs - sinceMs) / 1000;
}

/** Each car against its own hour before the event; those whose load changed took part. */
function carsOf({ energyByCar, occurrences, slotMs }: MeasurementFacts): EventMeasurement['cars'] {
  const startMs = occurrences[0]?.startMs;
  const spans: readonly TimeSpan[] = occurrences;
  if (startMs === undefined) return [];
  const totalMs = spans.reduce((sum, span) => sum + (span.endMs - span.startMs), 0);
  const endOfBeforeMs = Math.floor(startMs / slotMs) * slotMs;
  const before = { startMs: endOfBeforeMs - HOUR_MS, endMs: endOfBeforeMs };
  return [...energyByCar]
    .map(([vehicleId, energy]) => ({
      vehicleId,
      baselineKwh: (energyWithin(energy, before, slotMs) * totalMs) / HOUR_MS,
      meteredKwh: spans.reduce((sum, span) => sum + energyWithin(energy, span, slotMs), 0),
    }))
    .filter(({ baselineKwh, meteredKwh }) => baselineKwh - meteredKwh > NOTICEABLE_KWH)
    .sort((a, b) => b.baselineKwh - b.meteredKwh - (a.baselineKwh - a.meteredKwh));
}
