import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { gridTimeMs } from '../../../domain/clock.ts';
import { HOUR_MS } from '../../../domain/durations.ts';
import { currencyOfRegion, fromCurrency, toCurrency } from '../../../domain/exchange.ts';
import { microsOf, sumMicros, unitsOf } from '../../../domain/money.ts';
import { availabilityPay, computePay, type PayLine } from '../../../domain/ownerPay.ts';
import { nightsInARow } from '../../../domain/streak.ts';
import type { Plan } from '../../../scheduler/plan.ts';
import type { PlanningProblem } from '../../../scheduler/problem.ts';
import { slotHours, slotStartMs } from '../../../scheduler/time.ts';
import { listPaidStays } from '../../../store/parkingSessions.ts';
import { latestPlan } from '../../../store/plans.ts';
import { readPriceBookAt } from '../../../store/priceBooks.ts';
import { payPreviewSchema } from '../../wire/prices.ts';
import type { ApiPorts } from '../ports.ts';
import { visibleCar } from '../visibleCar.ts';
import { answers } from '../wire.ts';

const previewRoute = createRoute({
  method: 'get',
  path: '/fleet/v1/vehicles/{vin}/pay',
  summary: 'What the newest plan would bring the owner of a car that is at its plug',
  request: { params: z.object({ vin: z.string().min(1).max(64) }) },
  responses: answers('A forecast, not a promise', payPreviewSchema),
});

const MAX_STAYS = 400;

/** `identifyCarCaller` runs before. */
export function addPayPreviewRoutes(app: OpenAPIHono, { database, cell, now }: ApiPorts): void {
  app.openapi(previewRoute, async (c) => {
    const vehicle = await visibleCar(database, c.get('carCaller'), c.req.valid('param').vin);
    const nowMs = Math.round(gridTimeMs(cell.clock, now()));
    const { book } = await readPriceBookAt(database, nowMs);
    const currency = currencyOfRegion(book, vehicle.regionId);
    const stays = await listPaidStays(database, vehicle.id, MAX_STAYS);
    const streakNights = nightsInARow(stays, vehicle.policy.timeZone, nowMs);
    const stored = await latestPlan<PlanningProblem, Plan>(database, cell.id);
    const planned = stored?.plan.cars.find(({ carId }) => carId === vehicle.id);
    const car = stored?.problem.cars.find(({ id }) => id === vehicle.id);
    const none = {
      id: vehicle.id,
      planId: null,
      fromMs: null,
      untilMs: null,
      currency,
      lines: [],
      total: 0,
      streakNights,
    };
    if (!stored || !planned || !car) {
      return c.json(
        { ...none, words: 'The newest plan does not have the car: it is not at its plug, or not in reach.' },
        200,
      );
    }
    const { slots } = stored.plan;
    const region = stored.problem.regions.find(({ id }) => id === vehicle.regionId);
    const own = vehicle.policy.energyPricePerKwh;
    const kwh = planned.computeKw.map((kw) => kw * slotHours(slots));
    // As bookings do: each slot's energy at its own price, never below 0.
    const priceEur = region?.priceEurPerKwh ?? [];
    const totalKwh = kwh.reduce((sum, each) => sum + each, 0);
    const regionEur = kwh.reduce((sum, each, slot) => sum + each * Math.max(0, priceEur[slot] ?? 0), 0);
    const meanEur = totalKwh === 0 ? Math.max(0, priceEur[0] ?? 0) : regionEur / totalKwh;
    const energyPriceMicros =
      own === undefined
        ? fromCurrency(book, microsOf(meanEur.toFixed(6)), 'EUR')
        : fromCurrency(book, microsOf(own.toFixed(6)), currency);
    const untilSlot = Math.min(slots.count, car.untilSlot);
    const hours = vehicle.policy.computeOptIn
      ? Math.max(0, (slotStartMs(slots, untilSlot) - Math.max(nowMs, slots.startMs)) / HOUR_MS)
      : 0;
    const lines = [
      ...computePay(book, { energyWh: totalKwh * 1000, energyPriceMicros, streakNights }),
      availabilityPay(book, hours),
    ].map((line) => ({ ...line, amountMicros: toCurrency(book, line.amountMicros, currency) }));
    const wire = (line: PayLine) => ({
      item: line.item,
      quantity: unitsOf(line.quantityMillionths),
      unit: line.unit,
      unitPrice: unitsOf(toCurrency(book, line.unitPriceMicros, currency)),
      amount: unitsOf(line.amountMicros),
    });
    return c.json(
      {
        ...none,
        planId: stored.id,
        fromMs: slots.startMs,
        untilMs: slotStartMs(slots, untilSlot),
        lines: lines.map(wire),
        total: unitsOf(sumMicros(lines.map(({ amountMicros }) => amountMicros))),
        words: 'As the newest plan has it; only its first slot is committed, and only accepted work is paid.',
      },
      200,
    );
  });
}
