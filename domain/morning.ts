import { DateTime } from 'luxon';

const MORNING_HOUR = 7;

/** When it is 07:00 in the zone the next time, which is when most cars are wanted. */
export function nextMorningMs(atMs: number, timeZone: string): number {
  const local = DateTime.fromMillis(atMs, { zone: timeZone });
  const today = local.startOf('day').set({ hour: MORNING_HOUR });
  return (today > local ? today : today.plus({ days: 1 })).toMillis();
}
