import { DateTime } from 'luxon';
import type { SearchAttributeUpdatePair } from '@temporalio/common';
import { MINUTE_MS } from '../domain/durations.ts';
import type { FeedHealth, GridEmergency, LimitNow, RegionSummary } from '../domain/workflows/gridRegion.ts';
import { attributes } from './searchAttributes.ts';

/** The next start or end of an off-peak window, or change of a limit, after `nowMs`; infinity when none is known. */
export function nextBoundaryMs(region: RegionSummary, nowMs: number): number {
  const boundaries = region.offPeakWindows.flatMap(({ startMs, endMs }) => [startMs, endMs]);
  if (region.limitsChangeMs !== null) boundaries.push(region.limitsChangeMs);
  return Math.min(...boundaries.filter((boundaryMs) => boundaryMs > nowMs));
}

/** What operators search regions by. */
export function regionAttributes(region: RegionSummary): SearchAttributeUpdatePair[] {
  return [
    { key: attributes.onFallback, value: region.fallbacks.length > 0 },
    { key: attributes.emergency, value: region.emergency },
    { key: attributes.offPeak, value: isOffPeak(region, region.atMs) },
    {
      key: attributes.failingFeeds,
      value: region.feeds.flatMap(({ feed, failure }) => (failure === null ? [] : [feed])),
    },
    { key: attributes.feedsReadAt, value: oldestReading(region) },
  ];
}

function isOffPeak({ offPeakWindows }: RegionSummary, atMs: number): boolean {
  return offPeakWindows.some(({ startMs, endMs }) => startMs <= atMs && atMs < endMs);
}

/** Grid time at which the feed that is silent the longest was last read; null when none was ever read. */
function oldestReading({ feeds }: RegionSummary): Date | null {
  const readings = feeds.flatMap(({ readAtMs }) => (readAtMs === null ? [] : [readAtMs]));
  return readings.length === 0 ? null : new Date(Math.min(...readings));
}

/** Markdown for the operator: what the grid says now, what comes, what limits, how its feeds do, and every fallback. */
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
  if (region.limits.length > 0) lines.push(limitTable(region.limits, local));
  if (region.feeds.length > 0) lines.push(feedTable(region.feeds, nowMs));
  return lines.join('\n\n');
}

function limitTable(limits: readonly LimitNow[], local: (ms: number) => string): string {
  return [
    '| feeder | import limit | until | said by |',
    '|---|---|---|---|',
    ...limits.map(
      ({ feederId, limitKw, source, untilMs }) =>
        `| ${feederId} | ${limitKw.toFixed(1)} kW | ${untilMs === null ? 'further notice' : local(untilMs)} | ${source ?? 'nobody: fail-safe'} |`,
    ),
  ].join('\n');
}

function feedTable(feeds: readonly FeedHealth[], nowMs: number): string {
  const minutesSince = (ms: number): string => `${Math.max(0, Math.round((nowMs - ms) / MINUTE_MS))} min`;
  return [
    '| feed | read | failing for |',
    '|---|---|---|',
    ...feeds.map(({ feed, readAtMs, failingSinceMs, failure, failures }) => {
      const read = readAtMs === null ? 'never' : `${minutesSince(readAtMs)} ago`;
      // A bar or a new line in a source's own words would break the table.
      const why = (failure ?? '').replaceAll(/[|\s]+/g, ' ');
      const failing = failingSinceMs === null ? '' : `**${minutesSince(failingSinceMs)}**, ${failures} times: ${why}`;
      return `| ${feed} | ${read} | ${failing} |`;
    }),
  ].join('\n');
}

function figure(value: number | null, unit: string, digits: number): string {
  return value === null ? 'unknown' : `${value.toFixed(digits)} ${unit}`;
}

/** @throws Error that names the field and its limit */
export function assertEmergency(emergency: GridEmergency): void {
  if (!emergency.id) throw new Error('id: must not be empty');
  if (emergency.endMs <= emergency.startMs) throw new Error('endMs: must be after startMs');
}
