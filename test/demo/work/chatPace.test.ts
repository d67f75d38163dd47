import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { chatPace } from '../../../demo/work/chatPace.ts';
import { HOUR_MS } from '../../../domain/durations.ts';

const NIGHT = { requests: 160, windowMs: 12 * HOUR_MS, scale: 120, slowest: 60 };

test('a quick machine has the whole night, a slow one a longer night, a slower one fewer chats', () => {
  expect(chatPace({ ...NIGHT, msPerRequest: 0 })).toEqual({ scale: 120, requests: 160 });
  expect(chatPace({ ...NIGHT, msPerRequest: 1_000 })).toEqual({ scale: 120, requests: 160 });
  expect(chatPace({ ...NIGHT, msPerRequest: 2_000 })).toEqual({ scale: 81, requests: 160 });
  expect(chatPace({ ...NIGHT, msPerRequest: 5_000 })).toEqual({ scale: 60, requests: 86 });
  expect(chatPace({ ...NIGHT, msPerRequest: 500_000 })).toEqual({ scale: 60, requests: 8 });
  expect(chatPace({ ...NIGHT, requests: 3, msPerRequest: 500_000 })).toEqual({ scale: 60, requests: 3 });
});

test('a slower machine has never a quicker night, nor more of it', () => {
  const ms = fc.double({ min: 1, max: 1e6, noNaN: true });
  fc.assert(
    fc.property(ms, ms, (a, b) => {
      const quick = chatPace({ ...NIGHT, msPerRequest: Math.min(a, b) });
      const slow = chatPace({ ...NIGHT, msPerRequest: Math.max(a, b) });
      expect(slow.scale).toBeLessThanOrEqual(quick.scale);
      expect(slow.requests).toBeLessThanOrEqual(quick.requests);
    }),
  );
});
