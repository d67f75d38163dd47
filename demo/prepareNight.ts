import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SIMULATED_CLASSES } from '../domain/hardwareClasses.ts';
import { enrolledCars, writeSignalFiles } from './night/night.ts';
import type { NightFile } from './night/nightFile.ts';
import type { CellFileInput } from '../config/cell/cellFile.ts';
import type { ReadyChat } from './nightPace.ts';
import { nightFolder } from './nightState.ts';
import { chatWork } from './work/chatWork.ts';
import type { NightWork } from './work/nightWork.ts';
import { OCR_MODEL, ocrSecondsPerUnit, ocrWork } from './work/ocrWork.ts';

export interface PreparedNight {
  readonly cellFile: string;
  readonly work: NightWork;
}

export const signalFolder = (stateDir: string): string => join(nightFolder(stateDir), 'signals');

/**
 * Writes what the night needs into the state folder: the cell, its signals, and its batch.
 * @param chat makes it a batch of chats instead of rendered lines
 */
export async function prepareNight(
  stateDir: string,
  night: NightFile,
  incarnation: string,
  chat: ReadyChat | undefined,
  onProgress: (renderedLines: number) => void,
): Promise<PreparedNight> {
  const folder = nightFolder(stateDir);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeSignalFiles(night, signalFolder(stateDir));
  const work = chat
    ? await chatWork(night, chat.model, folder, chat.msPerUnit)
    : await ocrWork(night, folder, onProgress);
  const cellFile = join(folder, 'cell.json');
  await writeFile(cellFile, JSON.stringify(cellOf(night, incarnation, work), undefined, 2), { mode: 0o600 });
  return { cellFile, work };
}

function cellOf(night: NightFile, incarnation: string, work: NightWork): CellFileInput {
  // Pictures are read in a night of chats too, when somebody submits them.
  const speeds = new Map([
    [OCR_MODEL, ocrSecondsPerUnit],
    [work.model, work.secondsPerUnit],
  ]);
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
    classSpeeds: [...speeds].flatMap(([model, secondsPerUnit]) =>
      SIMULATED_CLASSES.map((hardwareClass) => ({
        model,
        hardwareClass,
        secondsPerUnit: secondsPerUnit(hardwareClass),
      })),
    ),
  };
}
