import { interpolate } from './interpolate.ts';
import { ENERGY_PARAMETERS } from './parameters.ts';

const COP_CURVE = [
  [20, ENERGY_PARAMETERS.copMild.value],
  [30, ENERGY_PARAMETERS.copWarm.value],
  [45, ENERGY_PARAMETERS.copHot.value],
] as const;

const DERATING_CURVE = [
  [ENERGY_PARAMETERS.derateStartC.value, 1],
  [ENERGY_PARAMETERS.computeStopC.value, ENERGY_PARAMETERS.derateEndFactor.value],
] as const;

/** kW that the cooling loop draws to carry `heatKw` away. */
export function coolingKw(heatKw: number, ambientC: number): number {
  return heatKw / interpolate(COP_CURVE, ambientC);
}

/**
 * kW at the plug of a computer that draws `chipKw`, with its cooling and the awake load, which is charged to compute
 * in full since the car would else sleep; 0 for a computer that draws nothing.
 */
export function computePlugKw(
  chipKw: number,
  ambientC: number,
  awakeKw: number = ENERGY_PARAMETERS.awakeKw.value,
): number {
  if (chipKw <= 0) return 0;
  const loadKw = chipKw + awakeKw + coolingKw(chipKw, ambientC);
  return loadKw / ENERGY_PARAMETERS.wallToLoadEfficiency.value;
}

/** kW at the plug of a computer at a charging site, whose chip power includes its cooling; 0 when it draws nothing. */
export function sitePlugKw(chipKw: number, awakeKw: number): number {
  return chipKw <= 0 ? 0 : chipKw + awakeKw;
}

/** Share of its full speed and chip power that a computer keeps at this ambient temperature; 0 when it must stop. */
export function heatDerating(ambientC: number): number {
  return mustStopComputing(ambientC) ? 0 : interpolate(DERATING_CURVE, ambientC);
}

/** Whether computing may be started. Two limits instead of one keep a car near the limit from flapping. */
export function mayStartComputing(ambientC: number): boolean {
  return ambientC < ENERGY_PARAMETERS.computeStartBelowC.value;
}

/** Whether computing must end at this ambient temperature, °C; above `computeStopC` (energy/parameters.ts names its source). */
export function mustStopComputing(ambientC: number): boolean {
  return ambientC > ENERGY_PARAMETERS.computeStopC.value;
}

/** kW at the plug of a class's computer at the most that this ambient temperature allows; 0 when it must stop. */
export function computeCapKw(fullChipKw: number, ambientC: number): number {
  return computePlugKw(fullChipKw * heatDerating(ambientC), ambientC);
}
