import { DateTime } from 'luxon';
import type { GridEmergency, RegionSummary } from './messages.ts';

/** The next start or end of an off-peak window after `nowMs`; infinity when none is known. */
export function nextBoundaryMs(region: RegionSummary, nowMs: number): number {
  const boundaries = region.offPeakWindows.flatMap(({ startMs, endMs }) => [startMs, endMs]);
  return Math.min(...boundaries.filter((boundaryMs) => boundaryMs > nowMs));
}

/** Markdown for the operator: what the grid says now, what comes, and every fallback in force. */
export function describeRegion(region: RegionSummary, timeZone: string, nowMs: number): string {
  const local = (ms: number): string => DateTime.fromMillis(ms, { zone: timeZone }).toFormat('ccc HH:mm');
  const windows = region.offPeakWindows
    .filter(({ endMs }) => endMs > nowMs)
    .map(({ startMs, endMs }) => `${local(startMs)} to ${local(endMs)}`);
  const lines = [
    `**${local(nowMs)}** (${timeZone}): price ${figure(region.priceEurPerKwh, 'EUR/kWh', 3)}, ` +
      `carbon ${figure(region.carbonGPerKwh, 'gCO2/kWh', 0)}, outside ${figure(region.ambientCelsius, '°C', 1)}.`,
    `Off-peak windows: ${windows.length > 0 ? windows.join('; ') : 'none known'}.`,
    region.knownUntilMs === null ? 'No prices are known.' : `Prices are known until ${local(region.knownUntilMs)}.`,
  ];
  if (region.emergency) lines.push('**Grid emergency: import limited to 0.**');
  if (region.feedersOnFailSafe.length > 0) {
    lines.push(`Import limit unknown, fail-safe in force: ${region.feedersOnFailSafe.join(', ')}.`);
  }
  for (const fallback of region.fallbacks) lines.push(`Fallback: ${fallback.text}`);
  return lines.join('\n\n');
}

function figure(value: number | null, unit: string, digits: number): string {
  return value === null ? 'unknown' : `${value.toFixed(digits)} ${unit}`;
}

/** @throws Error that names the field and its limit */
export function assertEmergency(emergency: GridEmergency): void {
  if (!emergency.id) throw new Error('id: must not be empty');
  if (emergency.endMs <= emergency.startMs) throw new Error('endMs: must be after startMs');
}
