import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { HOUR_MS } from '../../domain/durations.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { hardwareClassSchema } from '../../domain/hardwareClasses.ts';
import { issueText } from '../../domain/issueText.ts';
import type { JournalLine } from '../../domain/journal.ts';
import { siteSchema } from '../../domain/site.ts';
import { enrolmentSchema, timeZoneSchema } from '../../domain/vehicles.ts';
import { addEnrolmentCode } from '../../store/carKeys.ts';
import { completeClassSpeeds } from '../../store/classSpeeds.ts';
import { listFeeders, upsertFeeder } from '../../store/feeders.ts';
import { listHardwareClasses, upsertHardwareClass } from '../../store/hardwareClasses.ts';
import { appendJournal } from '../../store/journal.ts';
import { readRegion, upsertRegion } from '../../store/regions.ts';
import { enrolVehicle, readVehicle, removeVehicle, vehicleOf, type Vehicle } from '../../store/vehicles.ts';
import { enrolmentCodeSchema } from '../wire/agents.ts';
import { operatorOnly } from './carCaller.ts';
import type { ApiPorts } from './ports.ts';
import { answers, notFound, taking, unixSeconds } from './wire.ts';

export const CODE_LIFE_REAL_MS = HOUR_MS;
const regionId = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lower-case letters, digits and "-"');
const feederSchema = z.strictObject({
  id: regionId,
  failSafeImportKw: z.number().min(0),
  site: siteSchema.optional(),
});

const enrolRoute = createRoute({
  method: 'post',
  path: '/fleet/v1/enrolments',
  summary: 'Enrol a car or site node, or change what is known of it',
  request: taking(enrolmentSchema),
  responses: answers('It is enrolled; its agent gets its key by the code, once, within an hour', enrolmentCodeSchema),
});
const removeRoute = createRoute({
  method: 'delete',
  path: '/fleet/v1/vehicles/{vin}',
  summary: 'Remove a car that is not at its plug; what its owner has earned stays',
  request: { params: z.object({ vin: z.string().min(1).max(64) }) },
  responses: answers('It is gone, and its key with it', z.object({ id: z.string(), removed: z.literal(true) })),
});
const regionRoute = createRoute({
  method: 'put',
  path: '/fleet/v1/regions/{region}',
  summary: 'Add a region with its feeders and feeds, or change them',
  request: {
    params: z.object({ region: regionId }),
    ...taking(
      z.strictObject({
        timeZone: timeZoneSchema,
        feeds: z
          .array(z.looseObject({ kind: z.string() }))
          .meta({ description: 'As in the cell file (docs/grid.md).' }),
        feeders: z.array(feederSchema).min(1),
      }),
    ),
  },
  responses: answers('It is planned from the next plan on', z.object({ id: z.string(), feeders: z.array(z.string()) })),
});
const classesRoute = createRoute({
  method: 'get',
  path: '/fleet/v1/classes',
  summary: 'The classes of inference computers',
  responses: answers('By id', z.object({ classes: z.array(hardwareClassSchema) })),
});
const classRoute = createRoute({
  method: 'put',
  path: '/fleet/v1/classes/{id}',
  summary: 'Add a class of inference computers, or change its figures',
  request: { params: z.object({ id: z.string() }), ...taking(hardwareClassSchema.omit({ id: true })) },
  responses: answers('As it is planned with from the next plan on', hardwareClassSchema),
});

/** Cars, regions and classes come and go at run time; the cell file only seeds them. For operators. */
export function addEnrolmentRoutes(app: OpenAPIHono, { database, cell, regionKeeper, now }: ApiPorts): void {
  const line = (subject: string, message: string): JournalLine => {
    return { atMs: Math.round(gridTimeMs(cell.clock, now())), kind: 'enrolled', subject, message };
  };

  app.openapi(enrolRoute, async (c) => {
    operatorOnly(c.get('carCaller'));
    const enrolment = c.req.valid('json');
    const expiresRealMs = now() + CODE_LIFE_REAL_MS;
    const code = await database.transaction(async (tx) => {
      const feeders = await listFeeders(tx, cell.id);
      const feeder = feeders.find(({ id }) => id === enrolment.feeder);
      const classes = await listHardwareClasses(tx);
      const knowsClass = classes.some(({ id }) => id === enrolment.hardwareClass);
      if (!feeder || !knowsClass)
        throw mustBe({ ...(!feeder && { feeder: feeders }), ...(!knowsClass && { hardwareClass: classes }) });
      const before = await readVehicle(tx, enrolment.id);
      const vehicle = vehicleOf(enrolment, feeder.regionId);
      await enrolVehicle(tx, vehicle);
      const made = await addEnrolmentCode(tx, vehicle.id, expiresRealMs);
      await appendJournal(tx, cell.id, [line(vehicle.id, enrolledText(before, vehicle))]);
      return made;
    });
    return c.json({ car_id: enrolment.id, code, expires_at: unixSeconds(expiresRealMs) }, 200);
  });

  app.openapi(removeRoute, async (c) => {
    operatorOnly(c.get('carCaller'));
    const { vin } = c.req.valid('param');
    await database.transaction(async (tx) => {
      const vehicle = await readVehicle(tx, vin);
      if (!vehicle) throw notFound('car', vin);
      if (!(await removeVehicle(tx, vin))) {
        const message = `${vehicle.displayName} is in a stay that is not settled: opt it out, and remove it when it has left.`;
        throw new NightshiftError('conflict', message, { field: 'vin' });
      }
      await appendJournal(tx, cell.id, [line(vin, `${vehicle.displayName} is removed; its key no longer works`)]);
    });
    return c.json({ id: vin, removed: true as const }, 200);
  });

  app.openapi(regionRoute, async (c) => {
    operatorOnly(c.get('carCaller'));
    const { region: id } = c.req.valid('param');
    const { timeZone, feeds, feeders } = c.req.valid('json');
    const region = { id, cellId: cell.id, timeZone, feeds: regionKeeper.checkedFeeds(feeds) };
    await database.transaction(async (tx) => {
      const known = await readRegion(tx, id);
      if (known && known.cellId !== cell.id) {
        throw new NightshiftError('conflict', `Region "${id}" belongs to another cell.`, { field: 'region' });
      }
      const taken = (await listFeeders(tx, cell.id)).find(
        (feeder) => feeder.regionId !== id && feeders.some((each) => each.id === feeder.id),
      );
      if (taken) throw new NightshiftError('conflict', `Feeder "${taken.id}" is in region "${taken.regionId}".`);
      await upsertRegion(tx, region);
      for (const feeder of feeders) await upsertFeeder(tx, { ...feeder, regionId: id });
      const names = feeders.map((feeder) => feeder.id).join(', ');
      await appendJournal(tx, cell.id, [line(id, `Region ${id} is ${known ? 'changed' : 'added'}, with ${names}`)]);
    });
    await regionKeeper.start(region);
    return c.json({ id, feeders: feeders.map((feeder) => feeder.id) }, 200);
  });

  app.openapi(classesRoute, async (c) => c.json({ classes: await listHardwareClasses(database) }, 200));

  app.openapi(classRoute, async (c) => {
    operatorOnly(c.get('carCaller'));
    const parsed = hardwareClassSchema.safeParse({ ...c.req.valid('json'), id: c.req.valid('param').id });
    // Only the id is not checked yet.
    if (!parsed.success) {
      throw new NightshiftError('invalid_request', `id: ${issueText(parsed.error.issues[0])}.`, { field: 'id' });
    }
    await database.transaction(async (tx) => {
      await upsertHardwareClass(tx, parsed.data);
      await completeClassSpeeds(tx);
      const { id, chipKw, awakeKw } = parsed.data;
      const figures = `${(chipKw * 1000).toFixed(0)} W, awake ${(awakeKw * 1000).toFixed(0)} W`;
      await appendJournal(tx, cell.id, [line(id, `Class ${id} of computers: ${figures}`)]);
    });
    return c.json(parsed.data, 200);
  });
}

/** @param known what each field may name */
function mustBe(known: Readonly<Record<string, readonly { readonly id: string }[]>>): NightshiftError {
  const problems = Object.entries(known).map(([field, things]) =>
    things.length === 0
      ? `${field}: there is none yet.`
      : `${field}: must be one of ${things.map(({ id }) => id).join(', ')}.`,
  );
  const [field = ''] = Object.keys(known);
  return new NightshiftError('invalid_request', problems.join(' '), { field });
}

/** What operators read of an enrolment: what is new, or what has changed. */
function enrolledText(before: Vehicle | undefined, vehicle: Vehicle): string {
  const { displayName, feederId, hardwareClass, ownerId } = vehicle;
  if (!before) return `${displayName} is enrolled on ${feederId}, class ${hardwareClass}, owner ${ownerId}`;
  const changes = (['feederId', 'hardwareClass', 'ownerId', 'displayName', 'carModel', 'batteryKwh'] as const)
    .filter((field) => before[field] !== vehicle[field])
    .map((field) => `${field} ${before[field]} → ${vehicle[field]}`);
  return `${displayName} is enrolled anew: ${changes.join(', ') || 'nothing that is planned by has changed'}`;
}
