import type { Clock } from '../../domain/clock.ts';
import { gridTimeMs, REAL_TIME } from '../../domain/clock.ts';
import { ensureCell, readClock, type Cell } from '../../store/cells.ts';
import { completeClassSpeeds, seedClassSpeed } from '../../store/classSpeeds.ts';
import type { Queryable } from '../../store/database.ts';
import { upsertFeeder } from '../../store/feeders.ts';
import { readModel } from '../../store/models.ts';
import { listCellsBeside } from '../../store/jobShares.ts';
import { seedPriceBook } from '../../store/priceBooks.ts';
import { readRegion, upsertRegion } from '../../store/regions.ts';
import { listHardwareClasses, upsertHardwareClass } from '../../store/hardwareClasses.ts';
import { seedVehicle, vehicleOf } from '../../store/vehicles.ts';
import { NightshiftError } from '../../domain/errors.ts';
import type { CellFile } from './cellFile.ts';
import { DEFAULT_TENANT } from '../../domain/apiKeys.ts';

/**
 * Puts a cell file into the database. Applying it again updates what it names, except what was changed at run time; a
 * cell that exists keeps its clock, since grid time must not jump under plans and promises.
 * @throws NightshiftError `invalid_config` when a car names a feeder or class, or a speed a model, that is not there
 */
export async function applyCell(database: Queryable, file: CellFile, realNowMs: number): Promise<Cell> {
  const regionOfFeeder = new Map(
    file.regions.flatMap((region) => region.feeders.map((feeder) => [feeder.id, region.id] as const)),
  );
  return database.transaction(async (tx) => {
    const cell = await ensureCell(tx, {
      id: file.id,
      slotMinutes: file.slotMinutes,
      clock: file.clock ? await simulatedClock(tx, file.clock, realNowMs) : REAL_TIME,
      incarnation: incarnationOf(file),
    });
    const beside = new Set((await listCellsBeside(tx, cell.id)).map(({ cellId }) => cellId));
    for (const { id, timeZone, feeds, feeders } of file.regions) {
      const owner = (await readRegion(tx, id))?.cellId;
      // Two cells would take it from each other at every start, and both would plan its cars.
      if (owner !== undefined && owner !== cell.id && beside.has(owner)) {
        throw unknown('regions.id', id, `free: it is a region of cell ${owner}`);
      }
      await upsertRegion(tx, { id, cellId: cell.id, timeZone, feeds });
      for (const feeder of feeders) await upsertFeeder(tx, { ...feeder, regionId: id });
    }
    for (const spec of file.classes) await upsertHardwareClass(tx, spec);
    const classes = new Set((await listHardwareClasses(tx)).map((known) => known.id));
    for (const enrolment of file.vehicles) {
      const { id: vehicleId, feeder, hardwareClass } = enrolment;
      const regionId = regionOfFeeder.get(feeder);
      if (regionId === undefined) throw unknown(`vehicles.${vehicleId}.feeder`, feeder, 'a feeder of this cell');
      if (!classes.has(hardwareClass)) {
        throw unknown(`vehicles.${vehicleId}.hardwareClass`, hardwareClass, `one of ${[...classes].join(', ')}`);
      }
      await seedVehicle(tx, vehicleOf(enrolment, regionId));
    }
    for (const { model: name, hardwareClass, secondsPerUnit } of file.classSpeeds) {
      const model = await readModel(tx, DEFAULT_TENANT, name);
      if (!model) throw unknown('classSpeeds.model', name, 'a model that is published');
      const statedMsPerUnit = secondsPerUnit * 1000;
      await seedClassSpeed(tx, { modelName: name, modelVersion: model.version, hardwareClass, statedMsPerUnit });
    }
    await completeClassSpeeds(tx);
    if (file.priceBook) await seedPriceBook(tx, file.priceBook, gridTimeMs(cell.clock, realNowMs));
    return cell;
  });
}

/** Real time has one incarnation. */
export function incarnationOf(file: CellFile): string {
  return file.clock?.incarnation ?? '1';
}

/** Cells of one simulation have one clock: only then can they share jobs. */
async function simulatedClock(
  tx: Queryable,
  { origin, scale, incarnation }: NonNullable<CellFile['clock']>,
  realNowMs: number,
): Promise<Clock> {
  const originMs = Date.parse(origin);
  return (await readClock(tx, { incarnation, originMs, scale })) ?? { originMs, anchorMs: realNowMs, scale };
}

function unknown(field: string, value: string, wanted: string): NightshiftError {
  return new NightshiftError('invalid_config', `${field}: ${JSON.stringify(value)} is not ${wanted}`, { field });
}
