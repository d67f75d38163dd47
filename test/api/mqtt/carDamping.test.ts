import { describe, expect, test } from 'vitest';
import { CarDamping, MAX_CONNECTS_AT_ONCE, MAX_MESSAGES_AT_ONCE } from '../../../api/mqtt/carDamping.ts';

function damping() {
  const told: string[] = [];
  let nowMs = 0;
  const cars = new CarDamping(
    (carId, why) => told.push(`${carId} ${why}`),
    () => nowMs,
  );
  return { cars, told, pass: (ms: number) => void (nowMs += ms) };
}

describe('a car that connects over and over', () => {
  test('is kept away for a minute, however often it tries meanwhile, and is told of once an hour', () => {
    const { cars, told, pass } = damping();
    const connects = (times: number) =>
      Array.from({ length: times }, () => cars.mayConnect('a')).filter(Boolean).length;
    expect(connects(MAX_CONNECTS_AT_ONCE + 10)).toBe(MAX_CONNECTS_AT_ONCE);
    for (let tries = 0; tries < 30; tries += 1) {
      pass(1_900);
      expect(cars.mayConnect('a')).toBe(false);
    }
    pass(3_000);
    expect(cars.mayConnect('a')).toBe(true);
    expect(cars.mayConnect('b')).toBe(true);
    expect(connects(100)).toBeLessThan(100);
    expect(told).toHaveLength(1);
    pass(3_600_000);
    connects(100);
    expect(told).toHaveLength(2);
  });

  test('is let in when it comes back every five seconds, all day', () => {
    const { cars, told, pass } = damping();
    for (let connect = 0; connect < 20_000; connect += 1) {
      expect(cars.mayConnect('a')).toBe(true);
      pass(5_000);
    }
    expect(told).toEqual([]);
  });
});

test('lets a car say what it kept while it was out of reach, and not go on like that', () => {
  const { cars, told, pass } = damping();
  for (let message = 0; message < MAX_MESSAGES_AT_ONCE; message += 1) expect(cars.maySend('a')).toBe(true);
  pass(1_000);
  for (let message = 0; message < 20; message += 1) expect(cars.maySend('a')).toBe(true);
  expect(told).toEqual([]);
  expect(cars.maySend('a')).toBe(false);
  expect(cars.mayConnect('a')).toBe(false);
  pass(60_000);
  expect(cars.mayConnect('a')).toBe(true);
  expect(told).toHaveLength(1);
});
