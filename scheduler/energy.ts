/**
 * What compute draws at the plug. Figures: see docs/planner.md. The coefficient of performance is 4 up to 20 °C, 3 at
 * 30 °C and 1.8 at 45 °C, linear between; only the last was measured, on rigs that differ, so these are defaults.
 */
const COP_POINTS = [
  { celsius: 20, cop: 4 },
  { celsius: 30, cop: 3 },
  { celsius: 45, cop: 1.8 },
] as const;

const WALL_TO_COMPUTER_EFFICIENCY = 0.88;
/** Chip power falls linearly from here … */
export const DERATE_FROM_CELSIUS = 30;
/** … to DERATED_FRACTION here, above which the car does not compute. */
export const COMPUTE_STOP_CELSIUS = 40;
const DERATED_FRACTION = 0.5;

/** kW of heat moved per kW of cooling power at an ambient temperature. */
export function coolingCop(ambientCelsius: number): number {
  const [mild, warm, hot] = COP_POINTS;
  if (ambientCelsius <= mild.celsius) return mild.cop;
  const [low, high] = ambientCelsius <= warm.celsius ? [mild, warm] : [warm, hot];
  const slope = (high.cop - low.cop) / (high.celsius - low.celsius);
  // Beyond the last point the line would cross zero; a car has stopped computing well before.
  return Math.max(1, low.cop + slope * (ambientCelsius - low.celsius));
}

/** Part of its chip power that a car may use at an ambient temperature: 1 when mild, 0 above the limit. */
export function thermalDerate(ambientCelsius: number): number {
  if (ambientCelsius > COMPUTE_STOP_CELSIUS) return 0;
  if (ambientCelsius <= DERATE_FROM_CELSIUS) return 1;
  const part = (ambientCelsius - DERATE_FROM_CELSIUS) / (COMPUTE_STOP_CELSIUS - DERATE_FROM_CELSIUS);
  return 1 - (1 - DERATED_FRACTION) * part;
}

/**
 * kW at the plug of a car that computes with `chipKw`: chip, cooling and the load that keeps it awake, through the
 * charger. All of the awake load is charged to compute, since a parked car would else sleep.
 */
export function computePlugKw(chipKw: number, awakeKw: number, ambientCelsius: number): number {
  if (chipKw <= 0) return 0;
  return (chipKw * (1 + 1 / coolingCop(ambientCelsius)) + awakeKw) / WALL_TO_COMPUTER_EFFICIENCY;
}
