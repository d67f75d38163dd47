import { expect, test } from 'vitest';
import { leaveLease, takeLease } from '../../store/leases.ts';
import { useTestDatabase } from '../support/testDatabase.ts';

const { database } = useTestDatabase();
const lease = (holder: string, forRealMs = 60_000) => ({ name: 'ingress/c', holder, forRealMs });

test('a lease has one holder, who may renew it, and is free once it is left or has run out', async () => {
  expect(await takeLease(database, lease('a'))).toBe(true);
  expect(await takeLease(database, lease('b'))).toBe(false);
  expect(await takeLease(database, lease('a'))).toBe(true);
  await leaveLease(database, lease('b'));
  expect(await takeLease(database, lease('b'))).toBe(false);
  await leaveLease(database, lease('a'));
  expect(await takeLease(database, lease('b', -1))).toBe(true);
  expect(await takeLease(database, lease('a'))).toBe(true);
  expect(await takeLease(database, { ...lease('b'), name: 'ingress/d' })).toBe(true);
});

test('of many who ask at once, one has it', async () => {
  const asked = Array.from({ length: 8 }, (_, holder) =>
    takeLease(database, { ...lease(`${holder}`), name: 'ingress/e' }),
  );
  expect((await Promise.all(asked)).filter(Boolean)).toHaveLength(1);
});
