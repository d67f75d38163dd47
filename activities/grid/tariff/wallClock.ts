import { DAY_MS, MINUTE_MS } from '../../../domain/durations.ts';
import { DateTime, type Zone } from 'luxon';
import type { TimeWindow } from '../../../store/signals.ts';

/** What the clock on the wall shows at an instant. */
export interface WallClock {
  /** YYYY-MM-DD */
  readonly date: string;
  /** 1 to 12. */
  readonly month: number;
  readonly dayOfMonth: number;
  /** 1 Monday to 7 Sunday. */
  readonly weekday: number;
  /** Minutes shown since 00:00: 02:30 is 150, however long the day has lasted. */
  readonly minuteOfDay: number;
}

export interface WallClockSpan {
  readonly startMs: number;
  readonly endMs: number;
  readonly value: number;
}

/** No zone has changed its clock twice within it. */
const SCAN_MS = 6 * 60 * MINUTE_MS;

/**
 * Expands a rule on the wall clock to instants. Days with a clock change come out as long as they are: the window is
 * cut at every instant at which the clock shows a boundary or is changed, and each piece is judged by what the clock
 * shows at its start. So no hour is lost or told twice, also where a day is missing or begins at 01:00.
 * @param boundaryMinutes minutes of the day at which the rule may change; midnight is one anyway
 * @returns spans that cover the window without gap or overlap, equal neighbours merged
 */
export function expandWallClock(
  timeZone: string,
  window: TimeWindow,
  boundaryMinutes: readonly number[],
  valueAt: (clock: WallClock) => number,
): WallClockSpan[] {
  const { zone } = DateTime.fromMillis(window.startMs, { zone: timeZone });
  const { changesMs, offsetsMs } = offsetsIn(zone, window);
  const edges = new Set(changesMs);
  // Dates of the whole world: what is too much is judged, and merged with its neighbour.
  const firstDayMs = Math.floor(window.startMs / DAY_MS) * DAY_MS - DAY_MS;
  for (let dayMs = firstDayMs; dayMs <= window.endMs + DAY_MS; dayMs += DAY_MS) {
    for (const minute of [0, ...boundaryMinutes]) {
      for (const offsetMs of offsetsMs) edges.add(dayMs + minute * MINUTE_MS - offsetMs);
    }
  }
  const inside = [...edges].filter((atMs) => atMs > window.startMs && atMs < window.endMs);
  const starts = [window.startMs, ...inside.sort((a, b) => a - b)];
  const spans: { startMs: number; endMs: number; value: number }[] = [];
  for (const [index, startMs] of starts.entries()) {
    const endMs = starts[index + 1] ?? window.endMs;
    const value = valueAt(wallClockAt(zone, startMs));
    const last = spans.at(-1);
    if (last?.value === value) last.endMs = endMs;
    else spans.push({ startMs, endMs, value });
  }
  return spans;
}

function wallClockAt(zone: Zone, atMs: number): WallClock {
  // The zone's clock, read as if it were UTC: many times faster than a DateTime of the zone.
  const shown = new Date(atMs + zone.offset(atMs) * MINUTE_MS);
  return {
    date: shown.toISOString().slice(0, 10),
    month: shown.getUTCMonth() + 1,
    dayOfMonth: shown.getUTCDate(),
    weekday: shown.getUTCDay() || 7,
    minuteOfDay: shown.getUTCHours() * 60 + shown.getUTCMinutes(),
  };
}

/** The zone's offsets from UTC that hold in the window, and the instants at which one gives way to the next. */
function offsetsIn(zone: Zone, { startMs, endMs }: TimeWindow): { changesMs: number[]; offsetsMs: Set<number> } {
  const offsetMsAt = (atMs: number): number => zone.offset(atMs) * MINUTE_MS;
  const changesMs: number[] = [];
  const offsetsMs = new Set([offsetMsAt(startMs)]);
  for (let fromMs = startMs; fromMs < endMs; fromMs += SCAN_MS) {
    const untilMs = Math.min(fromMs + SCAN_MS, endMs);
    const [before, after] = [offsetMsAt(fromMs), offsetMsAt(untilMs)];
    if (before === after) continue;
    // Clocks change on whole minutes.
    let [low, high] = [Math.floor(fromMs / MINUTE_MS), Math.ceil(untilMs / MINUTE_MS)];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (offsetMsAt(middle * MINUTE_MS) === before) low = middle;
      else high = middle;
    }
    changesMs.push(high * MINUTE_MS);
    offsetsMs.add(after);
  }
  return { changesMs, offsetsMs };
}
