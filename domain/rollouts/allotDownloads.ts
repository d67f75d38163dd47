import { HOUR_MS } from '../durations.ts';

/** A car that is to fetch a model. */
export interface Downloader {
  readonly vehicleId: string;
  readonly feederId: string;
  /** What it fetched per real second before, in bytes; null when that is not known. */
  readonly bytesPerSecond: number | null;
  /** Grid time in which it may fetch, ascending; what lies outside is somebody's peak. */
  readonly windows: readonly { readonly startMs: number; readonly endMs: number }[];
}

/** When a car may begin to fetch, and until when; grid time. */
export interface Download {
  readonly vehicleId: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** A slower car would still be at it when its driver comes: it waits for a better network. */
const MAX_DOWNLOAD_SECONDS = 3_600;

/**
 * Gives each car an hour in which it fetches the model, so that the cars of one feeder fetch no more than its budget in
 * any hour and only within their windows. A model that is larger than the budget takes as many hours as that asks for,
 * with no other car of the feeder in them.
 * @param spentBytes what the feeder's hours have been given away already, by `feederHour`; it is added to
 * @returns those that have a place before `untilMs`; the others are asked about again later
 */
export function allotDownloads(
  cars: readonly Downloader[],
  { bytes, budgetBytes, nowMs, untilMs }: DownloadTerms,
  spentBytes: Map<string, number>,
): Download[] {
  return cars.flatMap(({ vehicleId, feederId, bytesPerSecond, windows }) => {
    if (bytesPerSecond !== null && bytes / bytesPerSecond > MAX_DOWNLOAD_SECONDS) return [];
    for (const window of windows) {
      const last = Math.min(window.endMs, untilMs);
      for (let atMs = Math.max(window.startMs, nowMs); atMs < last; atMs = nextHourMs(atMs)) {
        const keys = hoursFrom(feederId, atMs, last, Math.max(1, Math.ceil(bytes / budgetBytes)));
        if (!keys || !keys.every((key) => fits(spentBytes.get(key) ?? 0, bytes, budgetBytes))) continue;
        for (const key of keys) spentBytes.set(key, (spentBytes.get(key) ?? 0) + Math.min(bytes, budgetBytes));
        return [{ vehicleId, fromMs: atMs, untilMs: Math.min(last, nextHourMs(atMs) + (keys.length - 1) * HOUR_MS) }];
      }
    }
    return [];
  });
}

export interface DownloadTerms {
  readonly bytes: number;
  /** Of one feeder and hour. */
  readonly budgetBytes: number;
  readonly nowMs: number;
  readonly untilMs: number;
}

/** Names a feeder's hour. */
export function feederHour(feederId: string, atMs: number): string {
  return `${feederId}/${Math.floor(atMs / HOUR_MS)}`;
}

function fits(spent: number, bytes: number, budgetBytes: number): boolean {
  return spent === 0 || spent + bytes <= budgetBytes;
}

function hoursFrom(feederId: string, atMs: number, lastMs: number, count: number): string[] | undefined {
  const hours = Array.from({ length: count }, (_, index) => atMs + index * HOUR_MS);
  // The last of several hours must lie within the window too.
  if (count > 1 && (hours.at(-1) ?? atMs) >= lastMs) return undefined;
  return hours.map((hourMs) => feederHour(feederId, hourMs));
}

function nextHourMs(atMs: number): number {
  return (Math.floor(atMs / HOUR_MS) + 1) * HOUR_MS;
}
