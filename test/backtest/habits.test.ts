import { describe, expect, it } from 'vitest';

import { Habits } from '../../backtest/habits.ts';
import { MONDAY_MS, stay } from './scenarioBuilder.ts';

const SLOT_MS = 900_000;

describe('Habits', () => {
  it('states seven until five nights are known, then the early end of what they show', () => {
    const habits = new Habits('Europe/Oslo');
    for (let day = 0; day < 4; day++) habits.learn(stay(`${day}`, day, 18, 14.5, 5));
    expect(habits.readyBy('user')).toBe('07:00');
    habits.learn(stay('early', 5, 18, 12.25, 5));
    expect(habits.readyBy('user')).toBe('06:15');
    expect(habits.readyBy('somebody else')).toBe('07:00');
  });

  it('does not take a stay by day for a night', () => {
    const habits = new Habits('Europe/Oslo');
    for (let day = 0; day < 9; day++) habits.learn(stay(`${day}`, day, 10, 4, 5));
    expect(habits.readyBy('user')).toBe('07:00');
  });

  it('falls as earlier stays of that time of day have ended, and never to nothing', () => {
    const habits = new Habits('Europe/Oslo');
    for (let day = 0; day < 10; day++) habits.learn(stay(`short ${day}`, day, 18, 1, 5));
    for (let day = 0; day < 10; day++) habits.learn(stay(`long ${day}`, day, 18, 12, 5));
    const now = stay('now', 30, 18, 1, 5);
    const survival = habits.survival(now, now.pluggedInMs, SLOT_MS, 60);
    expect(survival[0]).toBe(1);
    expect(survival[4]).toBeCloseTo(11 / 21, 9);
    expect(survival[59]).toBeCloseTo(1 / 21, 9);
    // Those that stay past the first hour stay on.
    expect(habits.survival(now, now.pluggedInMs + 2 * 3_600_000, SLOT_MS, 9)[8]).toBe(1);
  });

  it('knows nothing of other times of day', () => {
    const habits = new Habits('Europe/Oslo');
    for (let day = 0; day < 30; day++) habits.learn(stay(`${day}`, day, 18, 1, 5));
    expect(habits.survival({ userId: 'user', pluggedInMs: MONDAY_MS }, MONDAY_MS, SLOT_MS, 20)[19]).toBe(1);
  });
});
