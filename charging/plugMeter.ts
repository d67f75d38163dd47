import { z } from 'zod';

/**
 * The energy at a plug, told apart into charge and compute. Registers only rise; kWh at the plug.
 *
 * The charger's meter is what is believed. The agent's own figure only says how much of it was compute, and never more
 * than the charger saw.
 */
export const plugMeterSchema = z.object({
  chargingKwh: z.number(),
  computeKwh: z.number(),
  /** Register of the charger that is counted up to here. */
  plugKwh: z.number().nullable(),
  /** Register of the agent that is counted up to here. */
  agentKwh: z.number().nullable(),
  /** What the agent says beyond what the charger has seen yet: their readings come at different moments. */
  aheadKwh: z.number(),
});
export type PlugMeter = z.infer<typeof plugMeterSchema>;

export const NEW_PLUG_METER: PlugMeter = { chargingKwh: 0, computeKwh: 0, plugKwh: null, agentKwh: null, aheadKwh: 0 };

/** Readings come minutes apart; an agent that is further ahead claims what was never drawn. */
const MAX_AHEAD_KWH = 0.25;

/**
 * Counts on to the newest registers.
 * @param plugKwh of the charger, kWh since it was added
 * @param agentKwh of the agent's compute meter; null when it has none
 * @param metersCompute whether compute is drawn through this plug
 */
export function countPlug(
  meter: PlugMeter,
  plugKwh: number,
  agentKwh: number | null,
  metersCompute: boolean,
): PlugMeter {
  const plugRise = rise(meter.plugKwh, plugKwh);
  const agentRise = agentKwh === null ? 0 : rise(meter.agentKwh, agentKwh);
  const claimed = meter.aheadKwh + agentRise;
  const compute = metersCompute ? Math.min(claimed, plugRise) : claimed;
  return {
    chargingKwh: meter.chargingKwh + (metersCompute ? plugRise - compute : plugRise),
    computeKwh: meter.computeKwh + compute,
    plugKwh,
    agentKwh: agentKwh ?? meter.agentKwh,
    aheadKwh: Math.min(MAX_AHEAD_KWH, claimed - compute),
  };
}

function rise(from: number | null, to: number): number {
  return from === null ? 0 : Math.max(0, to - from);
}
