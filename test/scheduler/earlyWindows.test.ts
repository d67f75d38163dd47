import { describe, expect, test } from 'vitest';
import { withEarlyWindows } from '../../scheduler/earlyWindows.ts';
import { night } from './nights.ts';

const HOURS = [10, 10, 10, 10, 10, 10, 10, 10];
const FADING = HOURS.map((_, slot) => 0.7 ** slot);
const fading = (cars: number) => Array.from({ length: cars }, () => ({ survival: FADING }));
const endOf = (problem: ReturnType<typeof night>): number[] =>
  withEarlyWindows(problem, 1).jobs.map(({ windowEndSlot }) => windowEndSlot);

describe('withEarlyWindows', () => {
  test('lets a job wait while its cars are sure to be there', () => {
    expect(endOf(night(HOURS, { cars: [{}, {}], jobs: [{ shardsRemaining: 10 }] }))).toEqual([8]);
  });

  test('lets nothing wait that needs every slot of its window', () => {
    expect(endOf(night(HOURS, { cars: [{}], jobs: [{ shardsRemaining: 4, windowEndSlot: 4 }] }))).toEqual([4]);
    expect(endOf(night(HOURS, { cars: [{}, {}], jobs: [{ shardsRemaining: 15 }] }))).toEqual([8]);
  });

  test('runs a job at once on a few cars that may leave, and lets it wait for many', () => {
    expect(endOf(night(HOURS, { cars: fading(2), jobs: [{ shardsRemaining: 3 }] }))).toEqual([2]);
    expect(endOf(night(HOURS, { cars: fading(40), jobs: [{ shardsRemaining: 40 }] }))).toEqual([8]);
  });

  test('counts the jobs that end before', () => {
    const jobs = [{ shardsRemaining: 4 }, { shardsRemaining: 4, windowEndSlot: 6 }];
    expect(endOf(night(HOURS, { cars: [{}], jobs }))).toEqual([8, 6]);
    const more = [{ shardsRemaining: 3 }, { shardsRemaining: 4, windowEndSlot: 6 }];
    expect(endOf(night(HOURS, { cars: [{}], jobs: more }))).toEqual([8, 6]);
  });

  test('counts only cars of its classes and regions that their owners let compute', () => {
    const cars = [{}, { computeOptIn: false }, { computeAllowed: HOURS.map(() => false) }];
    expect(endOf(night(HOURS, { cars, jobs: [{ shardsRemaining: 7 }] }))).toEqual([8]);
    expect(endOf(night(HOURS, { cars: [], jobs: [{ shardsRemaining: 7 }] }))).toEqual([8]);
  });
});
