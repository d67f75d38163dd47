import { HOUR_MS } from '../domain/durations.ts';

/** A slot of a stay: what was drawn for charging, and what power and carbon were then. */
export interface ChargedSlot {
  readonly startMs: number;
  readonly endMs: number;
  /** kWh at the plug. */
  readonly chargingKwh: number;
  /** Null where unknown: such a slot counts nothing on either side. */
  readonly priceEurPerKwh: number | null;
  readonly carbonGPerKwh: number | null;
}

export interface ChargingFootprint {
  readonly costEur: number;
  readonly gramsCo2: number;
}

/** What the charging of a stay cost and emitted, as it was and as it would have been on arrival. */
export interface ChargingCompared {
  readonly asWas: ChargingFootprint;
  readonly onArrival: ChargingFootprint;
}

/**
 * Compares with charging on arrival: the same energy, from plug-in on at the charger's full power. Feeders' limits are
 * left out of it: without a plan, nobody would keep them for this car.
 * @param slots of the stay, ascending, from plug-in on
 * @param maxKw of the charger, at the plug
 */
export function comparedWithArrival(slots: readonly ChargedSlot[], maxKw: number): ChargingCompared {
  let leftKwh = slots.reduce((sum, { chargingKwh }) => sum + chargingKwh, 0);
  const onArrival = slots.map((slot) => {
    const kwh = Math.min(leftKwh, (maxKw * (slot.endMs - slot.startMs)) / HOUR_MS);
    leftKwh -= kwh;
    return { ...slot, chargingKwh: kwh };
  });
  const last = onArrival.at(-1);
  // What rounding or a slow meter leaves over counts in the last slot, so that both sides are of the same energy.
  if (last && leftKwh > 0) onArrival[onArrival.length - 1] = { ...last, chargingKwh: last.chargingKwh + leftKwh };
  return { asWas: footprintOf(slots), onArrival: footprintOf(onArrival) };
}

function footprintOf(slots: readonly ChargedSlot[]): ChargingFootprint {
  let costEur = 0;
  let gramsCo2 = 0;
  for (const { chargingKwh, priceEurPerKwh, carbonGPerKwh } of slots) {
    costEur += chargingKwh * (priceEurPerKwh ?? 0);
    gramsCo2 += chargingKwh * (carbonGPerKwh ?? 0);
  }
  return { costEur, gramsCo2 };
}
