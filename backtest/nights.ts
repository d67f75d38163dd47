import { HOUR_MS } from '../domain/durations.ts';
import { DateTime } from 'luxon';

import type { Stay } from './traces/sessions.ts';
import { FLEET_CLASSES, type Equipment } from './fleet.ts';

const RELEASE_HOUR = 18;
const DEADLINE_HOUR = 6;
/** The work of a night follows what the fleet could have done in this many nights before it. */
const NIGHTS_BEFORE = 14;

/** The batch of one night: released in the evening, wanted in the morning. */
export interface NightJob {
  readonly id: string;
  readonly releaseMs: number;
  readonly deadlineMs: number;
  readonly shards: number;
}

/** A night lasts from noon to noon of the local clock and has the date on which it begins. */
export function nightOf(atMs: number, timeZone: string): string {
  const at = DateTime.fromMillis(atMs, { zone: timeZone });
  return (at.hour < 12 ? at.minus({ days: 1 }) : at).toISODate() ?? '';
}

/**
 * One batch a night: a share of what the fleet's computers could have done on average in the two weeks before. The
 * first night has none.
 * @param options nights are those whose batch is released in [fromMs, untilMs)
 */
export function nightJobs(
  stays: readonly Stay[],
  equipment: ReadonlyMap<string, Equipment>,
  options: {
    readonly fromMs: number;
    readonly untilMs: number;
    readonly timeZone: string;
    readonly shareOfFleet: number;
  },
): NightJob[] {
  const { timeZone, shareOfFleet, untilMs } = options;
  const jobs: NightJob[] = [];
  const capacities: number[] = [];
  let begun = 0;
  let day = DateTime.fromMillis(options.fromMs, { zone: timeZone }).startOf('day');
  for (; day.set({ hour: RELEASE_HOUR }).toMillis() < untilMs; day = day.plus({ days: 1 })) {
    const releaseMs = day.set({ hour: RELEASE_HOUR }).toMillis();
    const deadlineMs = day.plus({ days: 1 }).set({ hour: DEADLINE_HOUR }).toMillis();
    const recent = capacities.slice(-NIGHTS_BEFORE);
    const mean = recent.reduce((sum, shards) => sum + shards, 0) / Math.max(1, recent.length);
    const shards = Math.floor(shareOfFleet * mean);
    if (shards > 0) jobs.push({ id: `night-${day.toISODate()}`, releaseMs, deadlineMs, shards });
    while ((stays[begun]?.pluggedInMs ?? Infinity) < releaseMs - LONGEST_STAY_MS) begun++;
    capacities.push(capacityShards(stays.slice(begun), equipment, releaseMs, deadlineMs));
  }
  return jobs;
}

/** No stay of interest is longer; it only bounds the search for stays that overlap a night. */
const LONGEST_STAY_MS = 7 * 24 * HOUR_MS;

function capacityShards(
  stays: readonly Stay[],
  equipment: ReadonlyMap<string, Equipment>,
  fromMs: number,
  untilMs: number,
): number {
  let shards = 0;
  for (const { userId, pluggedInMs, pluggedOutMs } of stays) {
    if (pluggedInMs >= untilMs) break;
    const hours = (Math.min(untilMs, pluggedOutMs) - Math.max(fromMs, pluggedInMs)) / HOUR_MS;
    const hardware = FLEET_CLASSES.find(({ id }) => id === equipment.get(userId)?.hardwareClass);
    if (hours > 0 && hardware) shards += (hours * 60) / hardware.shardMinutes;
  }
  return shards;
}
