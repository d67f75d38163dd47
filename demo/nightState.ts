import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';

const nightStateSchema = z.object({
  /** Names this run of the night; the cell, its clock and the cars begin anew with another one. */
  incarnation: z.string(),
  startedRealMs: z.number(),
  /** Grid seconds a real second: the night keeps its pace when a killed stack takes it up again. */
  scale: z.number().positive(),
  /** Chats of its batch; undefined: as many as its file has, or none. */
  chats: z.number().int().positive().optional(),
  /** The folder of its chat model, and which of its networks; undefined: its pictures are read. */
  chatModel: z.string().optional(),
  /** Of the batch's input, once it is uploaded. */
  fileId: z.string().optional(),
  batchId: z.string().optional(),
  finished: z.boolean(),
});
export type NightState = z.infer<typeof nightStateSchema>;

export const nightFolder = (stateDir: string): string => join(stateDir, 'night');
const stateFile = (stateDir: string): string => join(nightFolder(stateDir), 'night.json');

/**
 * The night that a killed stack left unfinished, or a new one. One whose end has long passed on its clock is not taken
 * up again: its cars have driven away.
 * @param lengthMs of the night, grid time
 * @param newPace what a new one takes on
 * @param chatModel what it is given to do; a night with something else to do is not taken up again
 */
export async function currentNight(
  stateDir: string,
  lengthMs: number,
  realNowMs: number,
  newPace: () => Promise<Pick<NightState, 'scale' | 'chats'>>,
  chatModel?: string,
): Promise<NightState> {
  const saved = await readNight(stateDir);
  const goesOn = saved?.finished === false && saved.chatModel === chatModel;
  if (goesOn && realNowMs < saved.startedRealMs + lengthMs / saved.scale) return saved;
  const fresh = {
    incarnation: new Date(realNowMs).toISOString(),
    startedRealMs: realNowMs,
    ...(await newPace()),
    ...(chatModel !== undefined && { chatModel }),
    finished: false,
  };
  await saveNight(stateDir, fresh);
  return fresh;
}

/** Undefined when there is none, or one that another version wrote. */
async function readNight(stateDir: string): Promise<NightState | undefined> {
  try {
    return nightStateSchema.safeParse(JSON.parse(await readFile(stateFile(stateDir), 'utf8'))).data;
  } catch {
    return undefined;
  }
}

export async function saveNight(stateDir: string, state: NightState): Promise<void> {
  const file = stateFile(stateDir);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(`${file}.tmp`, JSON.stringify(state), { mode: 0o600 });
  await rename(`${file}.tmp`, file);
}
