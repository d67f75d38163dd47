import { DAY_MS, MINUTE_MS } from '../../domain/durations.ts';
import { seededRandom } from '../../domain/random.ts';
import type { PlannedTrip } from '../../simulator/mobility.ts';
import { derivedSeed } from '../../simulator/random.ts';
import type { NightCar, NightFile } from './nightFile.ts';

/** How far a car's mornings and evenings scatter about those of the night. */
const SCATTER_MINUTES = 30;
const CONSUMES_LEAST_PERCENT = 12;
const CONSUMES_MOST_PERCENT = 35;

/**
 * The car's drives on the days after the night: out at about the time of its last departure, back at about the time at
 * which the night found it at its plug or saw it come. The first of them is what the last departure of the night goes
 * over into. Empty when the scenario ends with its night.
 */
export function daysAfter(night: NightFile, car: NightCar): PlannedTrip[] {
  const last = car.trips.at(-1);
  if (!last || night.daysAfter === 0) return [];
  const random = seededRandom(derivedSeed(night.seed, `${car.vin} days after`));
  const scatterMs = (): number => Math.round((2 * random() - 1) * SCATTER_MINUTES) * MINUTE_MS;
  const homeMs = car.arrives ?? night.start;
  return Array.from({ length: night.daysAfter }, (_, day) => {
    const leavesAtMs = last.leaves + day * DAY_MS + (day === 0 ? 0 : scatterMs());
    const backAtMs = homeMs + (day + 1) * DAY_MS + scatterMs();
    return {
      leavesAtMs,
      waitsForComputingUntilMs: day === 0 ? last.waitsForComputingUntil : undefined,
      manner: last.manner,
      awayMinutes: (backAtMs - leavesAtMs) / MINUTE_MS,
      consumesSocPercent: CONSUMES_LEAST_PERCENT + (CONSUMES_MOST_PERCENT - CONSUMES_LEAST_PERCENT) * random(),
    };
  });
}
