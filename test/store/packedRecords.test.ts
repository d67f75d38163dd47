import fc from 'fast-check';
import { expect, test } from 'vitest';
import { packRecords, unpackRecords } from '../../store/packedRecords.ts';

const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const value = fc.oneof(
  number,
  fc.float({ noNaN: true, noDefaultInfinity: true }).map((short) => short + 0),
  fc.string(),
  fc.boolean(),
  fc.constant(null),
  fc.array(number, { maxLength: 5 }),
  fc.array(fc.record({ code: fc.string(), value: number }), { maxLength: 3 }),
);
const record = fc.dictionary(fc.constantFrom('id', 'needKwh', 'chargeKw', 'reasons', 'asleep'), value);

test('gives back what was packed, whatever fields and kinds the records have', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(record, { maxLength: 8 }), async (records) => {
      const plain = JSON.parse(JSON.stringify(records)) as unknown;
      expect(await unpackRecords(await packRecords(records))).toEqual(plain);
    }),
  );
});

test('takes a tenth of what JSON takes for cars of a plan', async () => {
  const slots = Array.from({ length: 96 }, (_, slot) => slot);
  const cars = Array.from({ length: 500 }, (_, car) => ({
    carId: `car-${car}`,
    chargeKw: slots.map((slot) => (slot % 7 === car % 7 ? 11 : 0)),
    survival: slots.map((slot) => Math.fround(0.97 ** slot)),
    reasons: [{ code: 'charging_cheapest_slot', words: 'It charges now.' }],
  }));
  expect((await packRecords(cars)).length).toBeLessThan(JSON.stringify(cars).length / 10);
});
