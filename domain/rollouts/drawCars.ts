import type { RolloutWave } from './rolloutSpec.ts';

/** A car that serves the model's family and whose owner lets it compute. */
export interface EligibleCar {
  readonly vehicleId: string;
  readonly regionId: string;
  readonly hardwareClass: string;
  /** At its plug, asleep or awake. */
  readonly present: boolean;
}

/** What a wave wants, and the cars that are drawn for it now. */
export interface CarDraw {
  /** Cars that have been drawn when the wave is complete, those of earlier waves included. */
  readonly target: number;
  readonly drawn: readonly string[];
}

/**
 * Draws cars for a wave: those with the lowest place in the roll-out's own order, so that the same car is not the canary
 * of every roll-out. Only cars that are at their plug are drawn; what is missing then is drawn when others have come.
 * @param placeOf of a car in the roll-out's order, the same each time
 * @param before cars that were drawn already
 */
export function drawCars(
  wave: RolloutWave,
  cars: readonly EligibleCar[],
  before: ReadonlySet<string>,
  placeOf: (vehicleId: string) => string,
): CarDraw {
  const scope = cars.filter(
    ({ regionId, hardwareClass }) =>
      (wave.regions?.includes(regionId) ?? true) && (wave.classes?.includes(hardwareClass) ?? true),
  );
  const target = Math.ceil(scope.length * wave.share);
  const already = scope.filter(({ vehicleId }) => before.has(vehicleId)).length;
  const drawn = scope
    .filter(({ vehicleId, present }) => present && !before.has(vehicleId))
    .map(({ vehicleId }) => ({ vehicleId, place: placeOf(vehicleId) }))
    .toSorted((a, b) => (a.place < b.place ? -1 : 1))
    .slice(0, Math.max(0, target - already))
    .map(({ vehicleId }) => vehicleId);
  return { target, drawn };
}
