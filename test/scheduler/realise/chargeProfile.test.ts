import { expect, test } from 'vitest';
import { chargeProfile } from '../../../scheduler/realise/chargeProfile.ts';

const twoSlots = {
  energyKwSlots: 11,
  capKw: new Float64Array([10, 10]),
  floorKw: new Float64Array(2),
  optimumKw: new Float64Array([10, 1]),
  minKw: 4,
  isSparing: false,
  startsLeft: 1,
  onBefore: false,
  minStateSlots: 1,
  heldSlots: 0,
};

test('the last slot takes nothing from a cheaper one to reach the least current: the car stops by itself', () => {
  expect([...chargeProfile({ ...twoSlots, price: new Float64Array([0.1, 0.2]) })]).toEqual([10, 4]);
});

test('but where others need the room', () => {
  const sparing = { ...twoSlots, isSparing: true, price: new Float64Array([0.1, 0.2]) };
  expect([...chargeProfile(sparing)]).toEqual([7, 4]);
});

test('and from one that is as dear', () => {
  expect([...chargeProfile({ ...twoSlots, price: new Float64Array([0.2, 0.2]) })]).toEqual([7, 4]);
});

test('a car that charges and may not start again goes on now, although later is cheaper', () => {
  const kw = chargeProfile({
    energyKwSlots: 4,
    capKw: new Float64Array([7, 7]),
    floorKw: new Float64Array(2),
    price: new Float64Array([0.3, 0.1]),
    optimumKw: new Float64Array([0, 4]),
    minKw: 4,
    isSparing: false,
    startsLeft: 0,
    onBefore: true,
    minStateSlots: 1,
    heldSlots: 0,
  });
  expect([...kw]).toEqual([4, 0]);
});
