import { describe, expect, test } from 'vitest';
import { absenceReasons, expiryReasons, failureReasons } from '../../api/http/presenceReasons.ts';
import type { Batch } from '../../store/batches.ts';

const region = (regionId: string, carsPluggedIn: number, usualArrivalMs: number | null) => ({
  regionId,
  timeZone: 'Europe/Berlin',
  carsPluggedIn,
  usualArrivalMs,
});

describe('absenceReasons', () => {
  test('say when the next car usually comes, in the time zone of its region', () => {
    const regions = [region('a', 0, Date.UTC(2026, 0, 15, 17)), region('b', 0, Date.UTC(2026, 0, 15, 16))];
    expect(absenceReasons(regions, null)).toEqual([
      {
        code: 'no_car_plugged_in',
        text: 'No car is plugged in now. By the last week, the next is expected in b at about Thu 17:00 (Europe/Berlin).',
      },
    ]);
  });

  test('look only at the regions that the batch may run in', () => {
    const regions = [region('a', 3, null), region('b', 0, null)];
    expect(absenceReasons(regions, null)).toEqual([]);
    expect(absenceReasons(regions, ['b'])).toMatchObject([
      { text: 'No car is plugged in now in b. None has been plugged in during the last week.' },
    ]);
  });
});

describe('expiryReasons', () => {
  const batch = { total: 10, completed: 4, failed: 1 } as Batch;

  test('tell a batch that no car could have computed from one whose cars did not do', () => {
    const [none] = expiryReasons(batch, { cars: 0, hours: 0 }, '2026-01-15T06:00:00.000Z');
    expect(none).toMatchObject({ code: 'job_expired', value: 5 });
    expect(none?.text).toContain('5 of 10 requests unanswered. No car was plugged in');
    const [some] = expiryReasons(batch, { cars: 2, hours: 3.25 }, '2026-01-15T06:00:00.000Z');
    expect(some?.text).toContain('2 cars were plugged in for 3.3 hours together');
  });
});

describe('failureReasons', () => {
  const failures = { failures: 144, lastMessage: 'Maximum call stack size exceeded' };

  test('tell how many attempts failed and what the last one said', () => {
    expect(failureReasons({ status: 'in_progress', failed: 0 }, failures)).toMatchObject([
      { code: 'attempts_failed', text: expect.stringContaining('144 attempts'), value: 144 },
    ]);
    expect(failureReasons({ status: 'expired', failed: 0 }, failures)[0]?.text).toContain('Maximum call stack');
  });

  test('say nothing of a batch that was answered all the same, or without failures', () => {
    expect(failureReasons({ status: 'completed', failed: 0 }, failures)).toEqual([]);
    expect(failureReasons({ status: 'completed', failed: 1 }, failures)).toHaveLength(1);
    expect(failureReasons({ status: 'in_progress', failed: 0 }, undefined)).toEqual([]);
  });
});
