import { MINUTE_MS } from '../../domain/durations.ts';
import type { TimelineWire } from '../wire/timeline.ts';

const COLUMNS = [
  'price_eur_per_kwh',
  'carbon_g_per_kwh',
  'ambient_celsius',
  'limit_kw',
  'house_kw',
  'planned_charge_kw',
  'planned_compute_kw',
  'metered_charge_kw',
  'metered_compute_kw',
  'limit_price_eur_per_kwh',
] as const satisfies readonly (keyof TimelineWire)[];

/** A line per slot; what is not known is left empty. RFC 4180, lines end with CRLF. */
export function timelineCsv(timeline: TimelineWire): string {
  const startMs = Date.parse(timeline.start);
  const at = (slot: number): string => new Date(startMs + slot * timeline.slot_minutes * MINUTE_MS).toISOString();
  const lines = timeline.limit_kw.map((_, slot) =>
    [at(slot), at(slot + 1), ...COLUMNS.map((column) => timeline[column][slot] ?? '')].join(','),
  );
  return `${[['start', 'end', ...COLUMNS].join(','), ...lines].join('\r\n')}\r\n`;
}
