/**
 * What owners are paid. Both figures are ours, not a market's: the energy credit is above any night price at the plug,
 * so that computing never costs the owner, and being plugged in and available is paid because it is what is scarce.
 */
export const OWNER_TARIFF = {
  /** Per kWh at the plug that went into accepted answers. */
  computeEurPerKwh: 0.45,
  /** Per hour plugged in with compute allowed, whether or not work came. */
  availabilityEurPerHour: 0.02,
} as const;

/** Credit for accepted work; EUR. */
export function computeCreditEur(energyWh: number): number {
  return (energyWh / 1000) * OWNER_TARIFF.computeEurPerKwh;
}

/** Credit for a stay; EUR. */
export function availabilityCreditEur(hours: number): number {
  return hours * OWNER_TARIFF.availabilityEurPerHour;
}
