import { expect, test } from 'vitest';
import { chargeProfile } from '../../../scheduler/realise/chargeProfile.ts';

test('a car that charges and may not start again goes on now, although later is cheaper', () => {
  const kw = chargeProfile({
    energyKwSlots: 4,
    capKw: new Float64Array([7, 7]),
    floorKw: new Float64Array(2),
    price: new Float64Array([0.3, 0.1]),
    optimumKw: new Float64Array([0, 4]),
    minKw: 4,
    startsLeft: 0,
    onBefore: true,
    minStateSlots: 1,
    heldSlots: 0,
  });
  expect([...kw]).toEqual([4, 0]);
});
