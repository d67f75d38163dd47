import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { gridTimeMs } from '../../domain/clock.ts';
import { HOUR_MS, MINUTE_MS } from '../../domain/durations.ts';
import { comparedWithArrival } from '../../planning/onArrival.ts';
import { regionSeries } from '../../planning/regionTimeline.ts';
import { slotAt, slotHours, slotStartMs, type SlotAxis } from '../../scheduler/time.ts';
import { unitsOf } from '../../domain/money.ts';
import { listCarIntervals } from '../../store/carNight.ts';
import { readCarPay } from '../../store/ledger.ts';
import { readOpenParkingSession } from '../../store/parkingSessions.ts';
import { readSignals } from '../../store/signals.ts';
import type { Vehicle } from '../../store/vehicles.ts';
import { carNightSchema, type CarNightWire } from '../wire/carNight.ts';
import type { PlanForecasts } from './planForecasts.ts';
import type { ApiPorts } from './ports.ts';
import { visibleCar } from './visibleCar.ts';
import { answers } from './wire.ts';

/** Shown of a car that is away, and the least that is shown of a stay. */
const MIN_AHEAD_MS = 4 * HOUR_MS;
const MAX_BEHIND_MS = 24 * HOUR_MS;
const MAX_AHEAD_MS = 24 * HOUR_MS;

const nightRoute = createRoute({
  method: 'get',
  path: '/fleet/v1/vehicles/{vin}/night',
  summary: 'The car’s stay on one time axis, what it has earned, and what charging on arrival would have come to',
  request: { params: z.object({ vin: z.string().min(1).max(64) }) },
  responses: answers('By slot', carNightSchema),
});

export function addCarNightRoutes(app: OpenAPIHono, ports: ApiPorts, forecasts: PlanForecasts): void {
  app.openapi(nightRoute, async (c) => {
    const vehicle = await visibleCar(ports.database, c.get('carCaller'), c.req.valid('param').vin);
    return c.json(await nightOf(ports, forecasts, vehicle), 200);
  });
}

async function nightOf(
  { database, cell, now }: ApiPorts,
  forecasts: PlanForecasts,
  { id, regionId, policy, charger }: Vehicle,
): Promise<CarNightWire> {
  const nowMs = Math.round(gridTimeMs(cell.clock, now()));
  const stay = await readOpenParkingSession(database, id);
  const axis = axisOf(stay, nowMs, cell.slotMinutes);
  const window = { startMs: axis.startMs, endMs: slotStartMs(axis, axis.count) };
  const [signals, metered, earned, forecast] = await Promise.all([
    readSignals(database, regionId, window, ['price', 'carbon', 'marginal_carbon', 'temperature']),
    listCarIntervals(database, id, window),
    readCarPay(database, id, stay?.pluggedInAtMs ?? nowMs),
    forecasts.newest(),
  ]);
  const { price, carbon } = regionSeries({ axis, nowMs, signals, committed: [], draws: [], plan: undefined });
  const bySlot = new Map(metered.map((each) => [each.slotStartMs, each]));
  const car = forecast?.plan.cars.find(({ carId }) => carId === id);
  const intervals = Array.from({ length: axis.count }, (_, slot) => {
    const [startMs, endMs] = [slotStartMs(axis, slot), slotStartMs(axis, slot + 1)];
    const row = bySlot.get(startMs);
    const planSlot = forecast ? slotAt(forecast.axis, startMs) : -1;
    const isKnown = startMs <= nowMs && stay !== undefined;
    return {
      startMs,
      endMs,
      plannedChargeKw: car?.chargeKw[planSlot] ?? null,
      plannedComputeKw: car?.computeKw[planSlot] ?? null,
      meteredChargeKw: row || isKnown ? (row?.chargingKwh ?? 0) / slotHours(axis) : null,
      meteredComputeKw: row || isKnown ? (row?.computeKwh ?? 0) / slotHours(axis) : null,
      priceEurPerKwh: price[slot] ?? null,
      carbonGPerKwh: carbon[slot] ?? null,
    };
  });
  const charged = intervals
    .filter(({ endMs }) => stay !== undefined && endMs > stay.pluggedInAtMs)
    .map(({ startMs, endMs, plannedChargeKw, meteredChargeKw, ...priced }) => ({
      ...priced,
      startMs,
      endMs,
      // In the slot that runs, the meter has only begun: what is planned for it counts.
      chargingKwh: ((endMs <= nowMs ? meteredChargeKw : (plannedChargeKw ?? meteredChargeKw)) ?? 0) * slotHours(axis),
    }));
  const { asWas, onArrival } = comparedWithArrival(charged, charger.maxKw);
  return {
    id,
    asOfMs: nowMs,
    timeZone: policy.timeZone,
    stay: stay
      ? {
          pluggedInAtMs: stay.pluggedInAtMs,
          readyByMs: stay.readyByMs,
          targetSocPercent: stay.targetSocPercent,
          arrivalSocPercent: stay.arrivalSocPercent,
        }
      : null,
    intervals,
    earned: earned.map(({ currency, sinceMicros, totalMicros }) => ({
      currency,
      stay: unitsOf(sinceMicros),
      total: unitsOf(totalMicros),
    })),
    charging: { asPlanned: asWas, onArrival },
  };
}

/** From plug-in, as far as that is shown, to a little after ready-by. */
function axisOf(
  stay: { readonly pluggedInAtMs: number; readonly readyByMs: number } | undefined,
  nowMs: number,
  slotMinutes: number,
): SlotAxis {
  const slotMs = slotMinutes * MINUTE_MS;
  const fromMs = Math.max(nowMs - MAX_BEHIND_MS, (stay?.pluggedInAtMs ?? nowMs - MIN_AHEAD_MS) - HOUR_MS / 2);
  const untilMs = Math.min(
    nowMs + MAX_AHEAD_MS,
    Math.max(nowMs + MIN_AHEAD_MS, (stay?.readyByMs ?? nowMs) + HOUR_MS / 2),
  );
  const startMs = Math.floor(fromMs / slotMs) * slotMs;
  return { startMs, slotMinutes, count: Math.ceil((untilMs - startMs) / slotMs) };
}
