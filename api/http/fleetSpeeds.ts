import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';

import { medianOf } from '../../domain/classSpeed.ts';
import { listClassSpeeds } from '../../store/classSpeeds.ts';
import { listEveryModel } from '../../store/models.ts';
import { fleetSpeedsSchema } from '../wire/speeds.ts';
import { operatorOnly } from './carCaller.ts';
import type { ApiPorts } from './ports.ts';
import { answers } from './wire.ts';

const speedsRoute = createRoute({
  method: 'get',
  path: '/fleet/v1/speeds',
  summary: 'How fast each class of computers runs each model: as stated, and as accepted shards have shown',
  responses: answers('By family, model and class', fleetSpeedsSchema),
});

export function addFleetSpeedRoutes(app: OpenAPIHono, { database }: ApiPorts): void {
  app.openapi(speedsRoute, async (c) => {
    operatorOnly(c.get('carCaller'));
    const known = await listClassSpeeds(database);
    const speeds = (await listEveryModel(database)).flatMap(({ name, version, family }) =>
      known
        .filter((speed) => speed.modelName === name && speed.modelVersion === version)
        .map(({ hardwareClass, statedMsPerUnit, measuredMsPerUnit, deviceMsPerUnit }) => ({
          family,
          model: name,
          version,
          hardware_class: hardwareClass,
          stated_ms_per_unit: statedMsPerUnit,
          measured_ms_per_unit: measuredMsPerUnit.length === 0 ? null : medianOf(measuredMsPerUnit),
          shards: measuredMsPerUnit.length,
          planned_ms_per_unit: deviceMsPerUnit,
        })),
    );
    const placeOf = (speed: (typeof speeds)[number]): string =>
      [speed.family, speed.model, speed.version, speed.hardware_class].join('\n');
    return c.json({ speeds: speeds.toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1)) }, 200);
  });
}
