import { DateTime } from 'luxon';

/**
 * Until when a job may be put off, in Scenario II of Wiesner et al., "Let's Wait Awhile" (Middleware 2021, arXiv
 * 2110.13234): results are wanted when somebody is there to look at them. A job that ends by itself at `finishMs` may
 * end as late as the returned instant. Wall clock is UTC, as in the paper's series.
 */
export type DeadlineRule = (finishMs: number) => number;

const WORK_STARTS_HOUR = 9;
const WORK_ENDS_HOUR = 17;
const SATURDAY = 6;
const SUNDAY = 7;
const MONDAY = 1;
const THURSDAY = 4;

/**
 * A result that comes outside working hours may come as late as 9:00 of the next workday. As published, a Friday
 * evening counts until Saturday 9:00 only.
 */
export const nextWorkday: DeadlineRule = (finishMs) => {
  const finish = DateTime.fromMillis(finishMs, { zone: 'utc' });
  const opens = opening(finish);
  if (finish.weekday === SATURDAY) return opens.plus({ days: 2 }).toMillis();
  if (finish.weekday === SUNDAY || finish > opens.set({ hour: WORK_ENDS_HOUR })) {
    return opens.plus({ days: 1 }).toMillis();
  }
  return Math.max(finishMs, opens.toMillis());
};

/** Results are looked at on Mondays and Thursdays at 9:00. */
export const semiWeekly: DeadlineRule = (finishMs) => {
  const finish = DateTime.fromMillis(finishMs, { zone: 'utc' });
  for (let day = 0; ; day++) {
    const opens = opening(finish.plus({ days: day }));
    if ((opens.weekday === MONDAY || opens.weekday === THURSDAY) && opens >= finish) return opens.toMillis();
  }
};

function opening(day: DateTime): DateTime {
  return day.startOf('day').set({ hour: WORK_STARTS_HOUR });
}
