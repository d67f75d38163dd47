import { interpolate } from './interpolate.ts';
import { ENERGY_PARAMETERS } from './parameters.ts';

const TAPER_START = ENERGY_PARAMETERS.taperStartSocPercent.value;
const TAPER_FLOOR = ENERGY_PARAMETERS.taperFloor.value;
const ROUNDING_KW = 1e-6;
/** SoC from which the floor holds. */
const FLOOR_START = 100 - TAPER_FLOOR * (100 - TAPER_START);

const COLD_CURVE = [
  [ENERGY_PARAMETERS.coldEndC.value, ENERGY_PARAMETERS.coldEndFactor.value],
  [ENERGY_PARAMETERS.coldStartC.value, 1],
] as const;

/** What charging needs to know of a car. Powers are at the plug. */
export interface BatteryPack {
  readonly capacityKwh: number;
  /** The lower of the car's AC limit and its usual plug. */
  readonly maxKw: number;
  /** Least offer that the car draws from. */
  readonly minKw: number;
  /** Wall to battery, in (0, 1]. */
  readonly efficiency: number;
  /** Cell temperature below which it must not be charged; undefined where only its power falls with the cold. */
  readonly chargeFromCelsius?: number | undefined;
}

export interface ChargeResult {
  readonly socPercent: number;
  /** Energy taken at the plug. */
  readonly plugKwh: number;
}

/** Whether the pack is too cold to be charged. Outside temperature stands for the temperature of a parked pack, which is not measured. */
export function isTooCold({ chargeFromCelsius }: Pick<BatteryPack, 'chargeFromCelsius'>, ambientC: number): boolean {
  return chargeFromCelsius !== undefined && ambientC < chargeFromCelsius;
}

/** Share of full charge power in the cold, in [0.85, 1]; linear below `coldStartC` (energy/parameters.ts names its source). */
export function coldFactor(ambientC: number): number {
  return interpolate(COLD_CURVE, ambientC);
}

/**
 * Most kW at the plug that the pack takes at this SoC. It falls as SoC rises, so a plan that never sets more than
 * the acceptance at the *target* SoC can be followed in any order of slots.
 */
export function acceptanceKw(pack: BatteryPack, socPercent: number, ambientC: number): number {
  if (socPercent >= 100 || isTooCold(pack, ambientC)) return 0;
  const taper = Math.min(1, Math.max(TAPER_FLOOR, (100 - socPercent) / (100 - TAPER_START)));
  return pack.maxKw * coldFactor(ambientC) * taper;
}

/**
 * kW at the plug that the car draws when `offeredKw` are offered. An offer below the minimum current gives 0; a car
 * near the end of its taper may draw less than the minimum from a sufficient offer.
 */
export function chargeKw(pack: BatteryPack, socPercent: number, offeredKw: number, ambientC: number): number {
  if (isBelowMinimum(pack, offeredKw)) return 0;
  return Math.min(offeredKw, acceptanceKw(pack, socPercent, ambientC));
}

/** Energy at the plug that lifts the pack from one SoC to another; 0 when it is there already. */
export function plugKwhBetween(pack: BatteryPack, fromSocPercent: number, toSocPercent: number): number {
  return (Math.max(0, toSocPercent - fromSocPercent) / 100) * (pack.capacityKwh / pack.efficiency);
}

/**
 * Charges for `hours` at a constant offer. Solved in closed form, so that the result does not depend on the steps in
 * which time is cut. A pack that is too cold takes nothing.
 */
export function charge(
  pack: BatteryPack,
  socPercent: number,
  offeredKw: number,
  hours: number,
  ambientC: number,
): ChargeResult {
  if (takesNothing(pack, offeredKw, ambientC) || hours <= 0) return { socPercent, plugKwh: 0 };
  let soc = socPercent;
  let left = hours;
  for (const phase of phases(pack, offeredKw, ambientC)) {
    if (soc >= phase.untilSocPercent) continue;
    const whole = phase.hoursBetween(soc, phase.untilSocPercent);
    if (whole > left) {
      soc = Math.min(phase.untilSocPercent, phase.socAfter(soc, left));
      break;
    }
    left -= whole;
    soc = phase.untilSocPercent;
  }
  return { socPercent: soc, plugKwh: plugKwhBetween(pack, socPercent, soc) };
}

/** Hours that a constant offer needs to reach `toSocPercent`; Infinity when it takes nothing of the offer. */
export function hoursToCharge(
  pack: BatteryPack,
  fromSocPercent: number,
  toSocPercent: number,
  offeredKw: number,
  ambientC: number,
): number {
  if (toSocPercent <= fromSocPercent) return 0;
  if (takesNothing(pack, offeredKw, ambientC) || offeredKw <= 0) return Infinity;
  let hours = 0;
  let soc = fromSocPercent;
  for (const phase of phases(pack, offeredKw, ambientC)) {
    const until = Math.min(phase.untilSocPercent, toSocPercent);
    if (soc >= until) continue;
    hours += phase.hoursBetween(soc, until);
    soc = until;
  }
  return hours;
}

function takesNothing(pack: BatteryPack, offeredKw: number, ambientC: number): boolean {
  return isBelowMinimum(pack, offeredKw) || isTooCold(pack, ambientC);
}

/** A plan that shares power out in floating point may be a hair below the minimum that it means. */
function isBelowMinimum({ minKw }: BatteryPack, offeredKw: number): boolean {
  return offeredKw < minKw - ROUNDING_KW;
}

interface Phase {
  readonly untilSocPercent: number;
  readonly hoursBetween: (fromSoc: number, toSoc: number) => number;
  readonly socAfter: (fromSoc: number, hours: number) => number;
}

/**
 * SoC over time is a straight line while the offer limits, an exponential towards 100 % while the taper limits, and a
 * straight line again at the taper's floor.
 */
function phases(pack: BatteryPack, offeredKw: number, ambientC: number): readonly Phase[] {
  const fullKw = pack.maxKw * coldFactor(ambientC);
  const floorKw = fullKw * TAPER_FLOOR;
  const offeredShare = Math.min(1, offeredKw / fullKw);
  const socPercentPerKwh = (100 * pack.efficiency) / pack.capacityKwh;
  if (offeredShare <= TAPER_FLOOR) return [steady(100, offeredKw * socPercentPerKwh)];
  const decayPerHour = (fullKw * socPercentPerKwh) / (100 - TAPER_START);
  return [
    steady(100 - offeredShare * (100 - TAPER_START), offeredShare * fullKw * socPercentPerKwh),
    {
      untilSocPercent: FLOOR_START,
      hoursBetween: (from, to) => Math.log((100 - from) / (100 - to)) / decayPerHour,
      socAfter: (from, hours) => 100 - (100 - from) * Math.exp(-decayPerHour * hours),
    },
    steady(100, floorKw * socPercentPerKwh),
  ];
}

function steady(untilSocPercent: number, socPercentPerHour: number): Phase {
  return {
    untilSocPercent,
    hoursBetween: (from, to) => (to - from) / socPercentPerHour,
    socAfter: (from, hours) => from + socPercentPerHour * hours,
  };
}
