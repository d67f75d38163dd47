import { at } from '../columns.ts';
import { chargeAt, computeAt, type Placed } from './placed.ts';

/**
 * Seconds by which each car that starts in the committed slot waits, so that the cars of a feeder do not all step up at
 * the same instant and meet as a new peak. Evenly spread, in the order of the problem; 0 for cars that run already.
 */
export function startDelays(placed: Placed): Float64Array {
  const { problem, compiled } = placed;
  const starting = new Map<number, number[]>();
  for (const [index, car] of problem.cars.entries()) {
    const charges = chargeAt(placed, index, 0) > 0 && !car.chargingNow;
    const computes = computeAt(placed, index, 0) > 0 && !car.computingNow;
    if (!charges && !computes) continue;
    const feeder = at(compiled.cars.feeder, index);
    const onFeeder = starting.get(feeder);
    if (onFeeder) onFeeder.push(index);
    else starting.set(feeder, [index]);
  }
  const delays = new Float64Array(compiled.cars.count);
  for (const cars of starting.values()) {
    for (const [rank, car] of cars.entries()) delays[car] = (rank * problem.rules.startSpreadSeconds) / cars.length;
  }
  return delays;
}
