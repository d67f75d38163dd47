import { z } from 'zod';

/** What a feeder is supplied with. Limits in amperes and kilovolt-amperes become kilowatts by it. */
export const feederSupplySchema = z.object({
  /** Nominal voltage between a phase and neutral, V; 240 with one phase for a split-phase service. */
  phaseVoltageV: z.number().min(50).max(50_000),
  phases: z.union([z.literal(1), z.literal(2), z.literal(3)]),
  /**
   * The least that the feeder's load has as a whole. Below 1, since a limit of apparent power or current leaves less than
   * that in active power.
   */
  powerFactor: z.number().min(0.5).max(1),
});
export type FeederSupply = z.output<typeof feederSupplySchema>;

/** A European low-voltage feeder. */
export const DEFAULT_FEEDER_SUPPLY: FeederSupply = { phaseVoltageV: 230, phases: 3, powerFactor: 0.95 };

/** Active power in kW of an apparent power in kVA. */
export function kwOfKva(kva: number, { powerFactor }: FeederSupply): number {
  return kva * powerFactor;
}

/** Active power in kW of a current in A in each phase. */
export function kwOfAmperes(amperes: number, supply: FeederSupply): number {
  return kwOfKva((amperes * supply.phaseVoltageV * supply.phases) / 1000, supply);
}
