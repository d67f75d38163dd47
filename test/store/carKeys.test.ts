import { beforeAll, expect, test } from 'vitest';
import { addEnrolmentCode, carOfKey, exchangeEnrolmentCode, removeCarKey } from '../../store/carKeys.ts';
import { CELL, enrolFleet } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';

const { database } = useTestDatabase();
beforeAll(() => enrolFleet(database, ['car-a', 'car-b']));

async function keyOf(vehicleId: string): Promise<string> {
  const exchanged = await exchangeEnrolmentCode(database, await addEnrolmentCode(database, vehicleId, 1_000), 0);
  return exchanged?.key ?? '';
}

test('exchanges a code once, before it expires, for a key that is its car’s', async () => {
  const code = await addEnrolmentCode(database, 'car-a', 1_000);
  expect(await exchangeEnrolmentCode(database, code, 1_000)).toBeUndefined();
  const exchanged = await exchangeEnrolmentCode(database, code, 999);
  expect(exchanged?.vehicleId).toBe('car-a');
  expect(await exchangeEnrolmentCode(database, code, 999)).toBeUndefined();
  expect(await carOfKey(database, exchanged?.key ?? '')).toEqual({
    vehicleId: 'car-a',
    cellId: CELL.id,
    regionId: 'oslo',
    quarantined: false,
    hardwareClass: 'ai4',
    modelFamilies: ['general', 'ocr', 'f'],
    rolloutFamilies: [],
  });
  expect(await carOfKey(database, code)).toBeUndefined();
});

test('gives one of two exchanges at once the key', async () => {
  const code = await addEnrolmentCode(database, 'car-a', 1_000);
  const both = await Promise.all([exchangeEnrolmentCode(database, code, 0), exchangeEnrolmentCode(database, code, 0)]);
  expect(both.filter((each) => each !== undefined)).toHaveLength(1);
});

test('withdraws a key by a new one, and with its codes by removal; neither reaches other cars', async () => {
  const other = await keyOf('car-b');
  const first = await keyOf('car-a');
  const second = await keyOf('car-a');
  expect(await carOfKey(database, first)).toBeUndefined();
  const code = await addEnrolmentCode(database, 'car-a', 1_000);
  await removeCarKey(database, 'car-a');
  expect(await carOfKey(database, second)).toBeUndefined();
  expect(await exchangeEnrolmentCode(database, code, 0)).toBeUndefined();
  expect((await carOfKey(database, other))?.vehicleId).toBe('car-b');
});

test('keeps no key and no code in the clear', async () => {
  const key = await keyOf('car-a');
  const code = await addEnrolmentCode(database, 'car-a', 1_000);
  const stored = JSON.stringify([
    await database.query('select * from car_keys'),
    await database.query('select * from enrolment_codes'),
  ]);
  expect(stored).not.toContain(key);
  expect(stored).not.toContain(code);
});
