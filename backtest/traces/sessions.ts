import { DateTime } from 'luxon';

import { parseTable, type TableRow } from './table.ts';

/** One stay of one car at a plug, as it happened. */
export interface Stay {
  readonly id: string;
  /** Site whose cars share one feeder. */
  readonly siteId: string;
  /** Car, household or charge point: whoever has habits. Two stays of one user may overlap. */
  readonly userId: string;
  readonly pluggedInMs: number;
  readonly pluggedOutMs: number;
  /** Delivered at the plug. */
  readonly energyKwh: number;
}

export interface Sessions {
  /** By plug-in time. */
  readonly stays: readonly Stay[];
  /** Rows that are no usable stay, with the reason. */
  readonly skipped: { readonly incomplete: number; readonly backwards: number };
}

const COLUMNS = ['location', 'user_id', 'session_id', 'plugin_time', 'plugout_time', 'energy_session'] as const;

/**
 * Reads charging sessions. Columns, in any order, others are ignored:
 *
 * | column | meaning |
 * |---|---|
 * | `location` | site |
 * | `user_id` | car, household or charge point |
 * | `session_id` | unique name of the stay |
 * | `plugin_time`, `plugout_time` | local wall clock `YYYY-MM-DD HH:MM[:SS]`, or ISO 8601 with an offset |
 * | `energy_session` | kWh at the plug |
 *
 * Delimiter `;`, `,` or tab; decimal comma where the delimiter is another sign; `NA` or empty for missing. A row
 * without plug-out or energy, or that ends before it begins, is counted and left out. The length of a stay follows
 * from its two times in the zone: naive differences are an hour off when the clock changes.
 * @param shift moves every stay by so many days on the wall clock; a multiple of 7 keeps weekdays
 * @throws NightshiftError invalid_request, naming file, line and column
 */
export function readSessions(
  text: string,
  file: string,
  options: { readonly timeZone: string; readonly shiftDays: number },
): Sessions {
  const stays: Stay[] = [];
  const skipped = { incomplete: 0, backwards: 0 };
  const ids = new Set<string>();
  for (const row of parseTable(text, file, COLUMNS).rows) {
    if (COLUMNS.some((column) => row.text(column) === undefined)) {
      skipped.incomplete++;
      continue;
    }
    const id = row.text('session_id') ?? '';
    if (ids.has(id)) throw row.wrong('session_id', `${JSON.stringify(id)} is repeated`);
    ids.add(id);
    const stay = {
      id,
      siteId: row.text('location') ?? '',
      userId: row.text('user_id') ?? '',
      pluggedInMs: shiftedMs(row, 'plugin_time', options),
      pluggedOutMs: shiftedMs(row, 'plugout_time', options),
      energyKwh: row.number('energy_session'),
    };
    if (stay.pluggedOutMs <= stay.pluggedInMs || stay.energyKwh < 0) skipped.backwards++;
    else stays.push(stay);
  }
  return { stays: stays.sort((a, b) => a.pluggedInMs - b.pluggedInMs || (a.id < b.id ? -1 : 1)), skipped };
}

function shiftedMs(
  row: TableRow,
  column: string,
  { timeZone, shiftDays }: { readonly timeZone: string; readonly shiftDays: number },
): number {
  const atMs = row.instantMs(column, timeZone);
  return DateTime.fromMillis(atMs, { zone: timeZone }).plus({ days: shiftDays }).toMillis();
}
