import { DateTime } from 'luxon';
import { MINUTE_MS } from '../domain/durations.ts';
import type { OpenAdrStatus } from '../domain/openAdr.ts';
import type { VenSync } from '../domain/workflows/openAdrVen.ts';

/** First pause after a failure, and the longest. Real time: it is the server that is to recover, not the grid. */
const FIRST_PAUSE_REAL_MS = 1_000;
const LONGEST_PAUSE_REAL_MS = 5 * MINUTE_MS;
/** A server, or one in its place, that asks for a day must not keep an emergency from us for a day. */
const MAX_RETRY_AFTER_REAL_MS = MINUTE_MS;

/**
 * Real milliseconds until the next synchronisation: the poll interval or the next report that is due, whichever comes
 * first; after failures to read events a pause that doubles, and at least what the server asked for, up to a minute. A
 * refused report is tried again as it has failed itself, and slows down no polling.
 * @param random in [0, 1): spreads VENs that failed together
 */
export function pauseRealMs(
  sync: VenSync,
  realMsUntil: (gridMs: number) => number,
  nowMs: number,
  random: number,
): number {
  const { failures, reportFailures = 0 } = sync.status;
  const wakeMs = Math.min(nowMs + sync.pollEveryMs, sync.nextReportMs ?? Number.POSITIVE_INFINITY);
  const pollRealMs = Math.max(FIRST_PAUSE_REAL_MS / 4, realMsUntil(wakeMs));
  if (sync.isAway) {
    return Math.max(Math.min(sync.retryAfterRealMs ?? 0, MAX_RETRY_AFTER_REAL_MS), backOffRealMs(failures, random));
  }
  return reportFailures > 0 ? Math.min(pollRealMs, backOffRealMs(reportFailures, random)) : pollRealMs;
}

function backOffRealMs(failures: number, random: number): number {
  const longest = Math.min(LONGEST_PAUSE_REAL_MS, FIRST_PAUSE_REAL_MS * 2 ** Math.min(Math.max(0, failures - 1), 20));
  return Math.round(longest * (0.5 + random / 2));
}

/** Whether anything of the connection is not as it should be. */
export function isInTrouble({ failure, reportFailure = null, registrationFailure = null }: OpenAdrStatus): boolean {
  return failure !== null || reportFailure !== null || registrationFailure !== null;
}

/** Markdown for the operator. */
export function describeVen({ status, timeZone, nextReportMs }: VenSync): string {
  const local = (ms: number): string => DateTime.fromMillis(ms, { zone: timeZone }).toFormat('ccc HH:mm');
  const { syncedAtMs, failures, failure, programs, events, refused, webhook, mqtt, ignoredTypes } = status;
  const { reportFailure = null, reportFailures = 0, registrationFailure = null } = status;
  return [
    `${programs} programs, ${events} events${refused > 0 ? `, **${refused} refused**` : ''}; ` +
      (syncedAtMs === null ? 'never synchronised.' : `synchronised ${local(syncedAtMs)} (${timeZone}).`),
    ...(failure === null ? [] : [`**Failed ${failures} times**: ${failure}`]),
    ...(registrationFailure === null ? [] : [`**Targets are as they were**: ${registrationFailure}`]),
    ...(reportFailure === null ? [] : [`**Reports failed ${reportFailures} times**: ${reportFailure}`]),
    `Notifications: webhook ${webhook ?? 'yes'}; MQTT ${mqtt ?? 'yes'}.`,
    ...(nextReportMs === null ? [] : [`Next report ${local(nextReportMs)}.`]),
    ...(ignoredTypes.length === 0 ? [] : [`Ignored: ${ignoredTypes.join(', ')}.`]),
  ].join('\n\n');
}
