import { expect, test, vi } from 'vitest';

import { AnsweredHours } from '../../../api/gateway/answeredHours.ts';
import { HOUR_MS, MINUTE_MS } from '../../../domain/durations.ts';
import type { HeardHour } from '../../../store/heardHours.ts';

const CLOCK = { originMs: 0, anchorMs: 0, scale: 60 };
const CAR = { vehicleId: 'car-a', cellId: 'north' };

function kept() {
  const stored: HeardHour[] = [];
  const state = { nowMs: 0, isAway: false };
  const warn = vi.fn();
  const hours = new AnsweredHours({
    clockOf: async (cellId) => (cellId === 'north' ? CLOCK : undefined),
    store: async (answered) => {
      if (state.isAway) throw new Error('the database is away');
      stored.push(...answered);
    },
    now: () => state.nowMs,
    log: { warn },
  });
  return { hours, stored, state, warn };
}

const hourNumbers = (stored: readonly HeardHour[]): number[] => stored.map(({ hourMs }) => hourMs / HOUR_MS);

test('a poll is a bid in each hour of grid time in which it waits, and an hour is stored once', async () => {
  const { hours, stored, state } = kept();
  // At a scale of 60, an hour takes a minute.
  state.nowMs = 2.5 * MINUTE_MS;
  await hours.answered(CAR, 0.5 * MINUTE_MS);
  await hours.answered(CAR, 2 * MINUTE_MS);
  await hours.close();
  expect(hourNumbers(stored)).toEqual([0, 1, 2]);
});

test('what cannot be stored waits, and hours between two bids are nobody’s', async () => {
  const { hours, stored, state, warn } = kept();
  state.isAway = true;
  await hours.answered(CAR, 0);
  await hours.close();
  expect(warn).toHaveBeenCalledTimes(1);
  state.nowMs = 5 * MINUTE_MS;
  await hours.answered(CAR, state.nowMs);
  state.isAway = false;
  await hours.close();
  expect(hourNumbers(stored)).toEqual([0, 5]);
});

test('a car of a cell that nobody knows stops no other', async () => {
  const { hours, stored } = kept();
  await hours.answered({ vehicleId: 'car-b', cellId: 'gone' }, 0);
  await hours.answered(CAR, 0);
  await hours.close();
  expect(stored).toEqual([{ vehicleId: 'car-a', hourMs: 0 }]);
});
