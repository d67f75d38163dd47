import { DateTime } from 'luxon';
import type { VenSync } from '../domain/workflows/openAdrVen.ts';

/** First pause after a failure, and the longest. Real time: it is the server that is to recover, not the grid. */
const FIRST_PAUSE_REAL_MS = 1_000;
const LONGEST_PAUSE_REAL_MS = 5 * 60_000;

/**
 * Real milliseconds until the next synchronisation: the poll interval or the next report that is due, whichever comes
 * first; after failures a pause that doubles, and at least what the server asked for. A server whose events are read is
 * polled no less often because it refuses a report.
 * @param random in [0, 1): spreads VENs that failed together
 */
export function pauseRealMs(
  sync: VenSync,
  realMsUntil: (gridMs: number) => number,
  nowMs: number,
  random: number,
): number {
  const { failures } = sync.status;
  const wakeMs = Math.min(nowMs + sync.pollEveryMs, sync.nextReportMs ?? Number.POSITIVE_INFINITY);
  const pollRealMs = Math.max(FIRST_PAUSE_REAL_MS / 4, realMsUntil(wakeMs));
  if (failures > 0) {
    const longest = Math.min(LONGEST_PAUSE_REAL_MS, FIRST_PAUSE_REAL_MS * 2 ** Math.min(failures - 1, 20));
    const backOffRealMs = Math.round(longest * (0.5 + random / 2));
    return sync.isAway ? Math.max(sync.retryAfterRealMs ?? 0, backOffRealMs) : Math.min(pollRealMs, backOffRealMs);
  }
  return pollRealMs;
}

/** Markdown for the operator. */
export function describeVen({ status, timeZone, nextReportMs }: VenSync): string {
  const local = (ms: number): string => DateTime.fromMillis(ms, { zone: timeZone }).toFormat('ccc HH:mm');
  const { syncedAtMs, failures, failure, programs, events, refused, webhook, mqtt, ignoredTypes } = status;
  return [
    `${programs} programs, ${events} events${refused > 0 ? `, **${refused} refused**` : ''}; ` +
      (syncedAtMs === null ? 'never synchronised.' : `synchronised ${local(syncedAtMs)} (${timeZone}).`),
    ...(failure === null ? [] : [`**Failed ${failures} times**: ${failure}`]),
    `Notifications: webhook ${webhook ?? 'yes'}; MQTT ${mqtt ?? 'yes'}.`,
    ...(nextReportMs === null ? [] : [`Next report ${local(nextReportMs)}.`]),
    ...(ignoredTypes.length === 0 ? [] : [`Ignored: ${ignoredTypes.join(', ')}.`]),
  ].join('\n\n');
}
