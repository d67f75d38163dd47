import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { NightshiftError } from '../../domain/errors.ts';
import { judgeProbe } from '../../domain/probes.ts';
import { computePlugKw, sitePlugKw } from '../../scheduler/energy/compute.ts';
import { appendJournal } from '../../store/journal.ts';
import { listProbedGflops, saveProbe } from '../../store/carProbes.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import type { HardwareClassSpec } from '../../domain/hardwareClasses.ts';
import { listHardwareClasses } from '../../store/hardwareClasses.ts';
import { carOfKey, exchangeEnrolmentCode } from '../../store/carKeys.ts';
import { readVehicle } from '../../store/vehicles.ts';
import { agentSettingsSchema, carKeySchema, probeSchema, probeVerdictSchema } from '../wire/agents.ts';
import { bearerOf } from './auth.ts';
import type { ApiPorts } from './ports.ts';
import { answers, taking } from './wire.ts';

const exchangeRoute = createRoute({
  method: 'post',
  path: '/cars/v1/keys',
  summary: 'Exchange a single-use enrolment code for the car’s key, which ends the key that the car had before',
  security: [],
  request: {
    ...taking(z.strictObject({ code: z.string().max(200) })),
  },
  responses: answers('The key, shown this once', carKeySchema),
});

const settingsRoute = createRoute({
  method: 'get',
  path: '/cars/v1/settings',
  summary: 'What an agent needs to know, for the car whose key is the bearer token',
  responses: answers('The car and its doors', agentSettingsSchema),
});

const probeRoute = createRoute({
  method: 'post',
  path: '/cars/v1/probe',
  summary: 'Hold what the agent’s probe measured against the class that the car is enrolled with',
  request: taking(probeSchema),
  responses: answers('The verdict', probeVerdictSchema),
});

/** What cars' agents ask before they begin; they present a code, then their car's key. */
export function addAgentRoutes(app: OpenAPIHono, { database, cell, carDoors, logger, now }: ApiPorts): void {
  app.openapi(exchangeRoute, async (c) => {
    const exchanged = await exchangeEnrolmentCode(database, c.req.valid('json').code, now());
    if (!exchanged) {
      const message = 'The code is unknown, used or expired: have another one made (nightshift car code).';
      throw new NightshiftError('unauthorized', message, { field: 'code' });
    }
    logger.info({ vehicleId: exchanged.vehicleId }, 'a car’s agent got its key');
    return c.json({ car_id: exchanged.vehicleId, key: exchanged.key }, 200);
  });

  app.openapi(settingsRoute, async (c) => {
    const car = await carOfKey(database, bearerOf(c) ?? '');
    const vehicle = car && (await readVehicle(database, car.vehicleId));
    const spec = (await listHardwareClasses(database)).find(({ id }) => id === car?.hardwareClass);
    if (!car || !vehicle || !spec) throw new NightshiftError('unauthorized', 'The car’s key is unknown.');
    const { originMs, anchorMs, scale } = cell.clock;
    return c.json(
      {
        car_id: car.vehicleId,
        region_id: car.regionId,
        hardware_class: car.hardwareClass,
        model_families: [...car.modelFamilies],
        clock: { origin_ms: originMs, anchor_ms: anchorMs, scale },
        gateway: carDoors.gateway,
        mqtt_url: carDoors.mqttUrl,
        telemetry_base: carDoors.telemetryBase,
        compute_kw: plugKwOf(spec),
        compute_soc_floor_percent: vehicle.policy.computeSocFloorPercent,
      },
      200,
    );
  });

  app.openapi(probeRoute, async (c) => {
    const car = await carOfKey(database, bearerOf(c) ?? '');
    const vehicle = car && (await readVehicle(database, car.vehicleId));
    if (!car || !vehicle) throw new NightshiftError('unauthorized', 'The car’s key is unknown.');
    const probe = c.req.valid('json');
    const verdict = judgeProbe({
      probe,
      classes: await listHardwareClasses(database),
      hardwareClass: car.hardwareClass,
      gflopsOfOthers: await listProbedGflops(database, car.hardwareClass, car.vehicleId),
    });
    await database.transaction(async (tx) => {
      await saveProbe(tx, { vehicleId: car.vehicleId, ...probe });
      if (verdict.findings.length === 0) return;
      const message = `${vehicle.displayName} is not what it is enrolled as (${car.hardwareClass}): ${verdict.findings.join(' ')}`;
      const atMs = Math.round(gridTimeMs(cell.clock, now()));
      await appendJournal(tx, cell.id, [{ atMs, kind: 'fallback', subject: car.vehicleId, message }]);
    });
    return c.json(
      {
        hardware_class: car.hardwareClass,
        agrees: verdict.findings.length === 0,
        findings: [...verdict.findings],
        nearest_class: verdict.nearestClass ?? null,
      },
      200,
    );
  });
}

const MILD_CELSIUS = 20;

function plugKwOf({ chipKw, awakeKw, cooling }: HardwareClassSpec): number {
  return cooling === 'included' ? sitePlugKw(chipKw, awakeKw) : computePlugKw(chipKw, MILD_CELSIUS, awakeKw);
}
