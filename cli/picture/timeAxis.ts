import { DateTime } from 'luxon';

import { MINUTE_MS } from '../../domain/durations.ts';
import { slotStartMs, type SlotAxis } from '../../scheduler/time.ts';
import { element, label } from './svg.ts';

export interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

const TICK_HOURS = [1, 2, 3, 6, 12, 24];
const MIN_TICK_PIXELS = 60;

/** Pixel at which a slot begins. */
export function slotX(axis: SlotAxis, frame: Frame, slot: number): number {
  return frame.left + (slot / axis.count) * (frame.right - frame.left);
}

/** Vertical lines at full hours of the zone's wall clock, midnight stronger; with `labels`, the hours below. */
export function timeGrid(axis: SlotAxis, frame: Frame, timeZone: string, labels: boolean): string {
  const hours = (axis.count * axis.slotMinutes) / 60;
  const pixelsPerHour = (frame.right - frame.left) / hours;
  const step = TICK_HOURS.find((candidate) => candidate * pixelsPerHour >= MIN_TICK_PIXELS) ?? 24;
  const startMs = slotStartMs(axis, 0);
  const endMs = slotStartMs(axis, axis.count);
  const parts: string[] = [];
  let tick = DateTime.fromMillis(startMs, { zone: timeZone, locale: 'en' }).startOf('hour');
  if (tick.toMillis() < startMs) tick = tick.plus({ hours: 1 });
  for (; tick.toMillis() <= endMs; tick = tick.plus({ hours: 1 })) {
    if (tick.hour % step !== 0) continue;
    const x = slotX(axis, frame, (tick.toMillis() - startMs) / (axis.slotMinutes * MINUTE_MS));
    const isMidnight = tick.hour === 0;
    parts.push(
      element('line', { x1: x, x2: x, y1: frame.top, y2: frame.bottom, class: isMidnight ? 'midnight' : 'grid' }),
    );
    if (!labels) continue;
    const words = isMidnight ? tick.toFormat('ccc d LLL') : tick.toFormat('HH:mm');
    parts.push(
      label(words, x, frame.bottom + 15, { class: isMidnight ? 'tick strong' : 'tick', 'text-anchor': 'middle' }),
    );
  }
  return parts.join('');
}
