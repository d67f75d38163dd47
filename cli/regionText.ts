import { DateTime } from 'luxon';

import { MINUTE_MS } from '../domain/durations.ts';
import type { GridRegionStateWire } from '../api/wire/gridRegionState.ts';
import type { Terminal } from './terminal.ts';

/** A region as a few lines and two tables, in its own time zone. */
export function regionText(region: GridRegionStateWire, colors: Terminal['colors']): string {
  const { as_of: asOf, time_zone: timeZone, prices_known_until: pricesKnownUntil } = region;
  const local = (iso: string): string => DateTime.fromISO(iso, { zone: timeZone }).toFormat('ccc HH:mm');
  const since = (iso: string): string =>
    `${Math.max(0, Math.round((Date.parse(asOf) - Date.parse(iso)) / MINUTE_MS))} min`;
  const failing = (failure: string | null, failures: number, from: string | null): string => {
    if (failure === null) return '';
    const forHowLong = from === null ? '' : `for ${since(from)}, `;
    return `  ${colors.red(`failing ${forHowLong}${failures} times: ${failure}`)}`;
  };
  return [
    `${colors.bold(region.id)} at ${local(asOf)} (${timeZone})`,
    `  price ${figure(region.price_eur_per_kwh, 'EUR/kWh', 3)}, carbon ${figure(region.carbon_g_per_kwh, 'g/kWh', 0)}, ` +
      `outside ${figure(region.ambient_celsius, '°C', 1)}; prices known until ` +
      (pricesKnownUntil === null ? '-' : local(pricesKnownUntil)),
    `  off-peak ${region.windows.map(({ start, end }) => `${local(start)} to ${local(end)}`).join('; ') || 'not known'}`,
    ...(region.emergency ? [`  ${colors.red('emergency: an import limit of 0 is in force')}`] : []),
    ...region.limits.map(
      ({ feeder_id: feederId, limit_kw: limitKw, source, until }) =>
        `  limit ${feederId}  ${limitKw.toFixed(1)} kW until ${until === null ? 'further notice' : local(until)}, ` +
        (source === null ? 'fail-safe since nobody says anything' : `by ${source}`),
    ),
    ...region.feeds.map(
      ({ feed, read_at: readAt, failing_since: failingSince, failure, failures }) =>
        `  feed ${feed}  ${readAt === null ? 'never read' : `read ${since(readAt)} ago`}${failing(failure, failures, failingSince)}`,
    ),
    ...region.utilities.map(
      ({ id, synced_at: syncedAt, failure, failures }) =>
        `  utility ${id}  ${syncedAt === null ? 'never synchronised' : `synchronised ${since(syncedAt)} ago`}${failing(failure, failures, syncedAt)}`,
    ),
    ...region.fallbacks.map(({ text }) => `  ${colors.yellow(`fallback: ${text}`)}`),
    '',
  ].join('\n');
}

function figure(value: number | null, unit: string, digits: number): string {
  return value === null ? 'unknown' : `${value.toFixed(digits)} ${unit}`;
}
