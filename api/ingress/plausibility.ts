import { HOUR_MS, MINUTE_MS } from '../../domain/durations.ts';
import { z } from 'zod';

import { carReason, type CarReason } from '../../domain/claims.ts';
import type { MeterReading } from '../../domain/setpoints.ts';
import type { Vehicle } from '../../store/vehicles.ts';

const meterSchema = z.object({ chargingKwh: z.number(), atMs: z.number() });

/** What one stay has shown so far, to hold SoC, meter and power against each other. Times are grid time. */
export const energyTrackSchema = z.object({
  /** SoC and register at the start of the comparison; null until heard. */
  soc: z.object({ percent: z.number(), atMs: z.number() }).nullable(),
  meterKwh: z.number().nullable(),
  latestSoc: z.object({ percent: z.number(), atMs: z.number() }).nullable(),
  latestMeter: meterSchema.nullable(),
  /** Registers of the time within which a SoC may have been measured, oldest first. */
  meters: z.array(meterSchema).default([]),
  /**
   * What the car said that it draws, summed up, beside what the meter counted in the same time. Absent while the car is
   * not heard.
   */
  drawn: z
    .object({ kw: z.number(), atMs: z.number(), kwh: z.number(), fromKwh: z.number().nullable(), toKwh: z.number() })
    .optional(),
  /** What was found; it stays until the car is plugged in anew. */
  doubt: z.object({ text: z.string(), value: z.number(), limit: z.number() }).nullable(),
});
export type EnergyTrack = z.infer<typeof energyTrackSchema>;
type Drawn = NonNullable<EnergyTrack['drawn']>;

export const NEW_TRACK: EnergyTrack = {
  soc: null,
  meterKwh: null,
  latestSoc: null,
  latestMeter: null,
  meters: [],
  doubt: null,
};

type Pack = Pick<Vehicle, 'batteryKwh' | 'charger'>;

/** Readings are rounded, come minutes apart, and efficiency is a mean: less than this apart proves nothing. */
const TOLERANCE_KWH = 3;
const TOLERANCE_SHARE = 0.3;
/** Above this, power at the plug is none that the charger can take. Supply is up to a tenth above its nominal voltage. */
const POWER_TOLERANCE = 1.25;
/** SoC is reported late and rounded to whole percents by some firmware. */
const JUMP_TOLERANCE_PERCENT = 3;
/** SoC and register are compared only when both are this fresh. */
const SAME_TIME_MS = 15 * MINUTE_MS;
/**
 * Telemetry carries no times, and waits in queues that the meter's readings, which carry theirs, pass by: a SoC may have been
 * measured this long before it came.
 */
const LATE_MS = 30 * MINUTE_MS;
/** Registers nearer in time than this are not kept apart. */
const METERS_APART_MS = 5 * MINUTE_MS;
/** Less than this on the register is no charge. */
const CHARGED_KWH = 0.1;
/**
 * After an outage, ours or the car's, what was held back arrives at once: a SoC that comes so soon after the one before may
 * have been measured long after it.
 */
const HELD_BACK_MS = 4 * MINUTE_MS;
/** A car that is heard says something at least this often; what it drew in a longer silence is not known. */
const MAX_SILENT_MS = 10 * MINUTE_MS;

/** Takes a SoC. It may not rise faster than the charger can fill the battery. */
export function trackSoc(track: EnergyTrack, pack: Pack, percent: number, atMs: number): EnergyTrack {
  const latestSoc = { percent, atMs };
  const { soc } = track;
  if (soc === null || (percent < soc.percent && !fallsWhileCharged(track, percent))) {
    // A SoC that fell, by preconditioning or a trip that nobody saw, starts the comparison anew.
    return comparedFrom(track, latestSoc);
  }
  const fastestPercent = (100 * pack.charger.maxKw * ((atMs - soc.atMs) / HOUR_MS)) / pack.batteryKwh;
  const limit = fastestPercent + JUMP_TOLERANCE_PERCENT;
  const risen = percent - soc.percent;
  if (risen > limit && atMs - soc.atMs <= HELD_BACK_MS) return comparedFrom(track, latestSoc);
  if (risen > limit) {
    const text = `SoC rose by ${risen.toFixed(1)} %; the charger can have given ${limit.toFixed(1)} % at most.`;
    return doubted({ ...track, latestSoc }, { text, value: risen, limit });
  }
  return compared({ ...track, latestSoc }, pack);
}

/** Starts the comparison anew. */
function comparedFrom(track: EnergyTrack, soc: NonNullable<EnergyTrack['soc']>): EnergyTrack {
  return { ...track, soc, meterKwh: track.latestMeter?.chargingKwh ?? null, latestSoc: soc };
}

/** Bit by bit, with the meter running: that is no trip, and a comparison that began anew each time would never see it. */
function fallsWhileCharged({ meterKwh, latestMeter, latestSoc }: EnergyTrack, percent: number): boolean {
  const isCharged = meterKwh !== null && latestMeter !== null && latestMeter.chargingKwh - meterKwh > CHARGED_KWH;
  return isCharged && latestSoc !== null && latestSoc.percent - percent < JUMP_TOLERANCE_PERCENT;
}

/** Takes a reading of the agent's meter. */
export function trackMeter(track: EnergyTrack, pack: Pack, reading: MeterReading): EnergyTrack {
  const { chargingKwh, computeKwh, atMs } = reading;
  const latestMeter = { chargingKwh, atMs };
  const started = track.meterKwh ?? chargingKwh;
  const from = track.meterKwh === null && track.latestSoc !== null ? track.latestSoc : track.soc;
  const { drawn } = track;
  const counted = drawn && countedTo(drawn, chargingKwh + computeKwh);
  const meters = withMeter(track.meters, latestMeter);
  const heard = { ...track, soc: from, meterKwh: started, latestMeter, meters, ...(counted && { drawn: counted }) };
  return compared(heard, pack);
}

/** Keeps one register from before the time that counts, so that what was true then is known. */
function withMeter(meters: EnergyTrack['meters'], latest: EnergyTrack['meters'][number]): EnergyTrack['meters'] {
  const last = meters.at(-1);
  if (last && latest.atMs - last.atMs < METERS_APART_MS) return meters;
  const firstNeeded = meters.findLastIndex(({ atMs }) => atMs <= latest.atMs - LATE_MS - SAME_TIME_MS);
  return [...meters.slice(Math.max(0, firstNeeded)), latest];
}

/** The sum begins with the first reading. */
function countedTo(drawn: Drawn, totalKwh: number): Drawn {
  if (drawn.fromKwh === null) return { ...drawn, kwh: 0, fromKwh: totalKwh, toKwh: totalKwh };
  return { ...drawn, toKwh: Math.max(drawn.toKwh, totalKwh) };
}

/**
 * Takes what a car says that it draws from now on, and sums up what it said until now. Telemetry that is stuck at
 * "charging" claims energy that no meter counts. A car that draws more than it says has lost a signal, no more.
 */
export function trackDraw(track: EnergyTrack, kw: number, atMs: number): EnergyTrack {
  const before = track.drawn ?? { kw: 0, atMs, kwh: 0, fromKwh: null, toKwh: 0 };
  const silentMs = atMs - before.atMs;
  const kwh = before.kwh + (silentMs > MAX_SILENT_MS ? 0 : (before.kw * silentMs) / HOUR_MS);
  const drawn = { ...before, kw, atMs, kwh };
  if (drawn.fromKwh === null) return { ...track, drawn };
  const byMeterKwh = drawn.toKwh - drawn.fromKwh;
  const limit = byMeterKwh + TOLERANCE_KWH + TOLERANCE_SHARE * kwh;
  if (kwh <= limit) return { ...track, drawn };
  const text = `It says that it drew ${kwh.toFixed(1)} kWh; the meter counted ${byMeterKwh.toFixed(1)} kWh.`;
  return doubted({ ...track, drawn }, { text, value: kwh, limit });
}

/** Takes a power at the plug, which holds charge and compute. */
export function trackPower(track: EnergyTrack, pack: Pack, kw: number, mostComputeKw: number): EnergyTrack {
  const limit = (pack.charger.maxKw + mostComputeKw) * POWER_TOLERANCE;
  if (kw <= limit) return track;
  const text = `Power is ${kw.toFixed(1)} kW; the charger takes ${limit.toFixed(1)} kW at most.`;
  return doubted(track, { text, value: kw, limit });
}

/**
 * Holds what SoC says went into the battery against what the meter says. The SoC may be less by what was charged since it was
 * measured, and more by what was charged since the register was read.
 */
function compared(track: EnergyTrack, pack: Pack): EnergyTrack {
  const { soc, meterKwh, latestSoc, latestMeter, meters } = track;
  if (!soc || meterKwh === null || !latestSoc || !latestMeter) return track;
  if (Math.abs(latestSoc.atMs - latestMeter.atMs) > SAME_TIME_MS) return track;
  const bySocKwh = ((latestSoc.percent - soc.percent) / 100) * pack.batteryKwh;
  const earlier = meters.findLast(({ atMs }) => atMs <= latestSoc.atMs - LATE_MS);
  const [earlierKwh = 0, latestKwh = 0] = [earlier?.chargingKwh ?? meterKwh, latestMeter.chargingKwh].map(
    (kwh) => Math.max(0, kwh - meterKwh) * pack.charger.efficiency,
  );
  const apartKwh = (pack.charger.maxKw * Math.abs(latestSoc.atMs - latestMeter.atMs)) / HOUR_MS;
  if (bySocKwh > latestKwh) return heldAgainst(track, bySocKwh, latestKwh, apartKwh);
  return bySocKwh < earlierKwh ? heldAgainst(track, bySocKwh, earlierKwh, 0) : track;
}

function heldAgainst(track: EnergyTrack, bySocKwh: number, byMeterKwh: number, allowedKwh: number): EnergyTrack {
  const value = Math.abs(bySocKwh - byMeterKwh);
  const limit = TOLERANCE_KWH + TOLERANCE_SHARE * Math.max(bySocKwh, byMeterKwh) + allowedKwh;
  if (value <= limit) return track;
  const text = `SoC says that ${bySocKwh.toFixed(1)} kWh were charged, the meter ${byMeterKwh.toFixed(1)} kWh.`;
  return doubted(track, { text, value, limit });
}

/** The first contradiction is kept: it is the one to look into. */
function doubted(track: EnergyTrack, doubt: NonNullable<EnergyTrack['doubt']>): EnergyTrack {
  return track.doubt ? track : { ...track, doubt };
}

export function distrustReasons({ doubt }: EnergyTrack): CarReason[] {
  return doubt ? [carReason('telemetry', 'safety', 'telemetry_not_trusted', doubt)] : [];
}
