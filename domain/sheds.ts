import { z } from 'zod';
import { MINUTE_MS } from './durations.ts';
import type { SetpointInterval, SetpointProfile } from './setpoints.ts';

/**
 * What a car is told in a grid emergency, over MQTT and past every plan: draw nothing from `startMs` to `endMs`, and
 * nothing new before `resumeAtMs`, which differs from car to car so that they do not all come back at once. Grid time;
 * each car follows by its own clock, so that one that loses its connection still ends the shed.
 */
export const shedOrderSchema = z.object({
  /** Of two orders the later one counts; one that ends a shed early is such an order. */
  issuedAtMs: z.number().int(),
  startMs: z.number().int(),
  endMs: z.number().int(),
  resumeAtMs: z.number().int(),
});
export type ShedOrder = z.infer<typeof shedOrderSchema>;

/** Grid time over which the cars of a feeder come back after a shed. */
const RESUME_SPREAD_MS = 5 * MINUTE_MS;

/**
 * The orders of one shed, for cars in a fixed order: evenly spread starts afterwards.
 * @param vehicleIds ascending
 */
export function shedOrders(
  vehicleIds: readonly string[],
  shed: Pick<ShedOrder, 'issuedAtMs' | 'startMs' | 'endMs'>,
): { readonly vehicleId: string; readonly order: ShedOrder }[] {
  return vehicleIds.map((vehicleId, index) => ({
    vehicleId,
    order: { ...shed, resumeAtMs: shed.endMs + Math.round((index / vehicleIds.length) * RESUME_SPREAD_MS) },
  }));
}

export function isShedding(order: ShedOrder, atMs: number): boolean {
  return order.startMs <= atMs && atMs < order.resumeAtMs;
}

/**
 * The profile that a car follows under an order: nothing from its start to the car's resumption, whatever was planned.
 * That stretch is an interval of its own, so that no fail-safe charging begins in it.
 */
export function profileUnderShed(profile: SetpointProfile | null, order: ShedOrder): SetpointProfile {
  const { startMs, resumeAtMs, issuedAtMs } = order;
  const shed: SetpointInterval = { startMs, endMs: resumeAtMs, chargeKw: 0, computeKw: 0 };
  const planned = (profile?.intervals ?? []).flatMap((interval) => [
    { ...interval, endMs: Math.min(interval.endMs, startMs) },
    { ...interval, startMs: Math.max(interval.startMs, resumeAtMs) },
  ]);
  return {
    planId: profile?.planId ?? 'shed',
    issuedAtMs: Math.max(profile?.issuedAtMs ?? issuedAtMs, issuedAtMs),
    intervals: [...planned, shed]
      .filter((interval) => interval.startMs < interval.endMs)
      .sort((a, b) => a.startMs - b.startMs),
  };
}
