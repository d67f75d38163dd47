import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SIMULATED_CLASSES } from '../domain/hardwareClasses.ts';
import { renderBatch } from './glosses/batchFile.ts';
import { selectGlosses } from './glosses/selection.ts';
import { enrolledCars, writeSignalFiles } from './night/night.ts';
import type { NightFile } from './night/nightFile.ts';
import { GRID_SECONDS_PER_LINE } from '../simulator/pacing.ts';
import type { CellFileInput } from '../worker/cell/cellFile.ts';
import { nightFolder } from './nightState.ts';

export const NIGHT_MODEL = 'pp-ocrv4-rec';

export interface PreparedNight {
  readonly cellFile: string;
  readonly batchFile: string;
  /** What each request's answer should be. */
  readonly truth: ReadonlyMap<string, string>;
}

export const signalFolder = (stateDir: string): string => join(nightFolder(stateDir), 'signals');

/** Writes what the night needs into the state folder: the cell, its signals, and the batch of rendered lines. */
export async function prepareNight(
  stateDir: string,
  night: NightFile,
  incarnation: string,
  onProgress: (renderedLines: number) => void,
): Promise<PreparedNight> {
  const folder = nightFolder(stateDir);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeSignalFiles(night, signalFolder(stateDir));
  const cellFile = join(folder, 'cell.json');
  await writeFile(cellFile, JSON.stringify(cellOf(night, incarnation), undefined, 2), { mode: 0o600 });
  const { requests: count } = night.batch;
  const batchFile = join(folder, `glosses-${night.seed}-${count}.jsonl`);
  const glosses = { count, seed: night.seed };
  const isRendered = await access(batchFile).then(
    () => true,
    () => false,
  );
  if (isRendered) {
    const truth = new Map((await selectGlosses(glosses)).map((gloss) => [gloss.customId, gloss.text]));
    return { cellFile, batchFile, truth };
  }
  const truth = await renderBatch({ ...glosses, model: NIGHT_MODEL, file: batchFile, onProgress });
  return { cellFile, batchFile, truth };
}

function cellOf(night: NightFile, incarnation: string): CellFileInput {
  return {
    id: night.scenario,
    slotMinutes: 15,
    clock: { origin: new Date(night.start).toISOString(), scale: night.scale, incarnation },
    regions: night.regions.map(({ id, timeZone, feeders }) => ({
      id,
      timeZone,
      feeds: [{ kind: 'file', path: `signals/${id}.json` }],
      feeders: feeders.map((feeder) => ({ id: feeder.id, failSafeImportKw: feeder.failSafeImportKw })),
    })),
    vehicles: enrolledCars(night).map(({ feederId, ownerId, ...vehicle }) => {
      const { id, displayName, carModel, hardwareClass, batteryKwh, charger, policy } = vehicle;
      return {
        id,
        displayName,
        carModel,
        hardwareClass,
        batteryKwh,
        charger,
        policy,
        feeder: feederId,
        owner: ownerId,
      };
    }),
    classSpeeds: SIMULATED_CLASSES.map((hardwareClass) => ({
      model: NIGHT_MODEL,
      hardwareClass,
      secondsPerUnit: GRID_SECONDS_PER_LINE[hardwareClass],
    })),
  };
}
