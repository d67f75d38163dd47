import { HOUR_MS } from '../../../domain/durations.ts';
import { DateTime } from 'luxon';
import type { EventMeasurement } from '../../../domain/openAdr.ts';
import { slotsTouching, type SlotEnergy } from './slotEnergy.ts';
import type { TimeSpan } from './timing.ts';

/** What the load would have been, slot by slot of the event, by a published method. */
export interface Baseline {
  readonly method: EventMeasurement['method'];
  readonly methodText: string;
  readonly slots: SlotEnergy;
}

export interface BaselineFacts {
  readonly event: TimeSpan;
  /** Metered energy of the days before and of the event itself. */
  readonly energy: SlotEnergy;
  readonly slotMs: number;
  readonly timeZone: string;
  /** Spans of other events: days that they touch say nothing of an undisturbed load. */
  readonly otherEvents: readonly TimeSpan[];
}

/** CAISO looks back this far for like days. */
export const BASELINE_DAYS = 45;
const DAYS = { workday: { most: 10, least: 5 }, weekend: { most: 4, least: 4 } } as const;
const MIN_ADJUSTMENT = 0.8;
const MAX_ADJUSTMENT = 1.2;

/**
 * CAISO's day-matching 10-in-10: the mean of the last ten undisturbed like days (four at a weekend) at the same time on
 * the wall clock, scaled by how the first three of the four hours before the event compare, within 20 %. With fewer
 * than five such days (four at a weekend) it is NAESB's Meter Before / Meter After: the mean of the last metered hour
 * before the event.
 * Sources: CAISO tariff, section 4.13.4; NAESB WEQ-015.
 */
export function baselineOf(facts: BaselineFacts): Baseline {
  return dayMatching(facts) ?? meterBefore(facts);
}

const isWeekend = ({ weekday }: DateTime): boolean => weekday > 5;

function dayMatching({ event, energy, slotMs, timeZone, otherEvents }: BaselineFacts): Baseline | undefined {
  const start = DateTime.fromMillis(event.startMs, { zone: timeZone });
  const { most, least } = DAYS[isWeekend(start) ? 'weekend' : 'workday'];
  const days: number[] = [];
  for (let back = 1; back <= BASELINE_DAYS && days.length < most; back++) {
    const day = start.minus({ days: back });
    const dayMs = { startMs: day.startOf('day').toMillis(), endMs: day.startOf('day').plus({ days: 1 }).toMillis() };
    const isDisturbed = otherEvents.some(({ startMs, endMs }) => startMs < dayMs.endMs && endMs > dayMs.startMs);
    const isMetered = slotsTouching(dayMs, slotMs).some((slot) => energy.has(slot));
    if (isWeekend(day) === isWeekend(start) && !isDisturbed && isMetered) days.push(back);
  }
  if (days.length < least) return undefined;
  const meanAt = (slotStartMs: number): number => {
    const at = DateTime.fromMillis(slotStartMs, { zone: timeZone });
    const sum = days.reduce((total, back) => {
      // On the wall clock: a day with a clock change has the same evening.
      const sameTimeMs = at.minus({ days: back }).toMillis();
      return total + (energy.get(Math.floor(sameTimeMs / slotMs) * slotMs) ?? 0);
    }, 0);
    return sum / days.length;
  };
  const before = slotsTouching({ startMs: event.startMs - 4 * HOUR_MS, endMs: event.startMs - HOUR_MS }, slotMs);
  const meanBefore = before.reduce((sum, slot) => sum + meanAt(slot), 0);
  const meteredBefore = before.reduce((sum, slot) => sum + (energy.get(slot) ?? 0), 0);
  const ratio = meanBefore > 0 ? meteredBefore / meanBefore : 1;
  const adjustment = Math.min(MAX_ADJUSTMENT, Math.max(MIN_ADJUSTMENT, ratio));
  return {
    method: 'caiso_10_in_10',
    methodText: `CAISO 10-in-10: mean of ${days.length} like days, adjusted by ${adjustment.toFixed(2)}`,
    slots: new Map(slotsTouching(event, slotMs).map((slot) => [slot, meanAt(slot) * adjustment])),
  };
}

function meterBefore({ event, energy, slotMs }: BaselineFacts): Baseline {
  const endMs = Math.floor(event.startMs / slotMs) * slotMs;
  const slots = slotsTouching({ startMs: endMs - HOUR_MS, endMs }, slotMs);
  const mean = slots.reduce((sum, slot) => sum + (energy.get(slot) ?? 0), 0) / Math.max(1, slots.length);
  return {
    method: 'naesb_meter_before_meter_after',
    methodText: 'NAESB Meter Before / Meter After: mean load of the hour before the event',
    slots: new Map(slotsTouching(event, slotMs).map((slot) => [slot, mean])),
  };
}
