import { DAY_MS } from '../domain/durations.ts';
import { gridTimeMs, realDelayUntilMs, type Clock } from '../domain/clock.ts';
import { writeSignalFiles } from './night/night.ts';
import type { NightFile } from './night/nightFile.ts';

/** Plans look a day ahead, feeds are read one and a half days ahead, and off-peak windows begin at the last noon. */
const DAYS_BEHIND = 1;
const DAYS_AHEAD = 3;

/**
 * Writes the night's signals anew at each UTC midnight of grid time, around the day that begins: the feeds of a stack
 * that stays up never run out.
 * @param onError a file that cannot be written is tried again with the next day
 * @returns ends it
 */
export function keepSignals(
  night: NightFile,
  clock: Clock,
  folder: string,
  onError: (error: unknown) => void,
): () => void {
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const write = async (dayMs: number): Promise<void> => {
    const window = { startMs: dayMs - DAYS_BEHIND * DAY_MS, endMs: dayMs + DAYS_AHEAD * DAY_MS };
    await writeSignalFiles(night, folder, window).catch(onError);
    if (ended) return;
    const nextMs = dayMs + DAY_MS;
    timer = setTimeout(() => void write(nextMs), Math.max(0, realDelayUntilMs(clock, nextMs, Date.now())));
  };
  void write(Math.floor(gridTimeMs(clock, Date.now()) / DAY_MS) * DAY_MS);
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
