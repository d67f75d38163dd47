import { expect, test } from 'vitest';
import { withinTime } from '../../domain/withinTime.ts';

test('gives what ends in time, fails as it fails, and says what is late', async () => {
  expect(await withinTime(1_000, Promise.resolve('there'))).toBe('there');
  await expect(withinTime(1_000, Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  const never = new Promise<never>(() => {});
  await expect(withinTime(1, never)).rejects.toThrow('no answer within 1 ms');
  await expect(withinTime(1, never, 'the broker is silent')).rejects.toThrow('the broker is silent');
});
