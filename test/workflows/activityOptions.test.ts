import { HOUR_MS } from '../../domain/durations.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { REAL_TIME } from '../../domain/clock.ts';
import { inferenceTaskQueue } from '../../domain/names.ts';
import { shardOptions, shardPriority } from '../../workflows/activityOptions.ts';
import type { SplitBatch } from '../../domain/workflows/inferenceJob.ts';

const NOW_MS = 1_000 * HOUR_MS;

function split(changes: Partial<SplitBatch> = {}): SplitBatch {
  return {
    model: { name: 'm', version: '1', family: 'ocr', sha256: '0'.repeat(64) },
    lines: 4,
    shards: 1,
    linesPerShard: 4,
    linesPerPart: 2,
    deadlineMs: NOW_MS + 12 * HOUR_MS,
    submittedAtMs: NOW_MS,
    ...changes,
  };
}

const keyOf = (changes: Partial<SplitBatch>, nowMs = NOW_MS) => shardPriority(split(changes), nowMs).priorityKey;

describe('which shard a car takes first', () => {
  test('what the submitter asked for; 3 when nothing was asked', () => {
    expect([1, 2, 3, 4, 5].map((priority) => keyOf({ priority }))).toEqual([1, 2, 3, 4, 5]);
    expect(keyOf({})).toBe(3);
  });

  test.each([
    ['well before its deadline', 2 * HOUR_MS, 4],
    ['less than two hours before its deadline', 2 * HOUR_MS - 1, 3],
    ['past its deadline', -1, 3],
  ])('%s', (_when, leftMs, expected) => {
    expect(keyOf({ priority: 4, deadlineMs: NOW_MS + leftMs })).toBe(expected);
  });

  test.each([
    ['fresh', 0, 4],
    ['not yet six hours old', 6 * HOUR_MS - 1, 4],
    ['six hours old', 6 * HOUR_MS, 3],
    ['twelve hours old', 12 * HOUR_MS, 2],
  ])('%s', (_age, ageMs, expected) => {
    expect(keyOf({ priority: 4, submittedAtMs: NOW_MS - ageMs })).toBe(expected);
  });

  test('old and urgent are two steps, and nothing comes before 1', () => {
    const oldAndUrgent = { submittedAtMs: NOW_MS - 7 * HOUR_MS, deadlineMs: NOW_MS + HOUR_MS };
    expect([5, 4, 3, 2, 1].map((priority) => keyOf({ priority, ...oldAndUrgent }))).toEqual([3, 2, 1, 1, 1]);
  });

  test('a batch of before there were submission times does not age', () => {
    const { submittedAtMs: _, ...unknown } = split({ priority: 4 });
    expect(shardPriority(unknown, NOW_MS).priorityKey).toBe(4);
  });

  test('waiting never pushes a batch back, and the least wanted one overtakes a fresh default one in the end', () => {
    const hour = fc.integer({ min: 0, max: 48 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), hour, hour, hour, (priority, windowHours, firstHour, laterHours) => {
        const batch = split({ priority, deadlineMs: NOW_MS + windowHours * HOUR_MS });
        const first = shardPriority(batch, NOW_MS + firstHour * HOUR_MS).priorityKey ?? 0;
        const later = shardPriority(batch, NOW_MS + (firstHour + laterHours) * HOUR_MS).priorityKey ?? 0;
        expect(later).toBeLessThanOrEqual(first);
        expect(later).toBeGreaterThanOrEqual(1);
        expect(first).toBeLessThanOrEqual(priority);
      }),
    );
    const patient = { priority: 4, submittedAtMs: NOW_MS - 11 * HOUR_MS, deadlineMs: NOW_MS + HOUR_MS };
    expect(keyOf(patient)).toBeLessThan(keyOf({}) ?? 0);
  });
});

describe('between tenants', () => {
  test('each is a fairness key with its weight, whatever its priority', () => {
    const ofLab = { tenant: { id: 'lab', weight: 2.5 } };
    expect(shardPriority(split(ofLab), NOW_MS)).toEqual({ priorityKey: 3, fairnessKey: 'lab', fairnessWeight: 2.5 });
    const ofShop = { tenant: { id: 'shop', weight: 1 }, priority: 1 };
    expect(shardPriority(split(ofShop), NOW_MS)).toEqual({ priorityKey: 1, fairnessKey: 'shop', fairnessWeight: 1 });
  });

  test('a batch of before there were tenants has no key', () => {
    expect(shardPriority(split(), NOW_MS)).toEqual({ priorityKey: 3 });
  });
});

test('a wave schedules its shards with it, on the queue of its region and class', () => {
  const wave = { jobId: 'b', cellId: 'c', wave: 1, regionId: 'north', hardwareClass: 'ai4', shards: [0] };
  const tenant = { id: 'lab', weight: 2 };
  const options = shardOptions(
    { ...wave, split: split({ tenant, priority: 2 }), endsAtMs: NOW_MS + HOUR_MS, clock: REAL_TIME },
    REAL_TIME,
    NOW_MS,
  );
  expect(options).toMatchObject({
    taskQueue: inferenceTaskQueue('north', 'ai4', 'ocr'),
    priority: { priorityKey: 2, fairnessKey: 'lab', fairnessWeight: 2 },
  });
});
