import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { gridTimeMs } from '../../domain/clock.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { nextReadyBy } from '../../domain/readyBy.ts';
import { ownerPolicySchema, type OwnerPolicy } from '../../domain/vehicles.ts';
import { outlookOf } from '../../planning/policyPreview.ts';
import { policyPreviewSchema, type PolicyPreviewWire } from '../wire/policyPreview.ts';
import type { PlanForecasts } from './planForecasts.ts';
import type { ApiPorts } from './ports.ts';
import { acceptedPolicy } from './vehicles.ts';
import { visibleCar } from './visibleCar.ts';
import { answers, taking } from './wire.ts';

const previewRoute = createRoute({
  method: 'post',
  path: '/fleet/v1/vehicles/{vin}/policy/preview',
  summary: 'What another policy would make of the rest of the stay; nothing is changed',
  request: {
    params: z.object({ vin: z.string().min(1).max(64) }),
    ...taking(ownerPolicySchema.strict()),
  },
  responses: answers('The stay as it is planned, and as the cell would plan it', policyPreviewSchema),
});

/** Has the cell planned as it would be with another policy of one car, beside this process. */
export function addPolicyPreviewRoutes(app: OpenAPIHono, ports: ApiPorts, forecasts: PlanForecasts): void {
  const { database, cell, now, quotes, carbonEurPerKg, missingEurPerKwh } = ports;
  app.openapi(previewRoute, async (c) => {
    const vehicle = await visibleCar(database, c.get('carCaller'), c.req.valid('param').vin);
    const policy = acceptedPolicy(vehicle, c.req.valid('json'));
    const forecast = await forecasts.newest();
    if (!forecast?.problem.cars.some(({ id }) => id === vehicle.id)) {
      throw new NightshiftError('unavailable', 'The car is in no plan: it must be at its plug to be previewed.');
    }
    const nowMs = Math.round(gridTimeMs(cell.clock, now()));
    const changed = await quotes.preview({
      cell: { id: cell.id, slotMinutes: cell.slotMinutes },
      slotStartMs: forecast.slotStartMs,
      vehicleId: vehicle.id,
      policy,
      nowMs,
      weights: { carbonEurPerKg, missingEurPerKwh },
    });
    const wanted = (of: OwnerPolicy): Pick<PolicyPreviewWire['asItIs'], 'readyByMs' | 'targetSocPercent'> => {
      const { atMs, targetSocPercent } = nextReadyBy(of, nowMs);
      return { readyByMs: atMs, targetSocPercent };
    };
    const asItIs = outlookOf(forecast.problem, forecast.plan, vehicle.id);
    return c.json(
      {
        id: vehicle.id,
        asItIs: { ...wanted(vehicle.policy), ...asItIs, missing: [...asItIs.missing] },
        changed: { ...wanted(policy), ...changed, missing: [...changed.missing] },
      },
      200,
    );
  });
}
