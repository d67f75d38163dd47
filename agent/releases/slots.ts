import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { parseJson } from '../../domain/json.ts';
import { writeFileAtomically } from '../../inference/atomicFile.ts';

/**
 * Which release an agent runs. Two folders beside each other, `a` and `b`: one runs, the next release is put into the
 * other, and is tried from there. `base` is the installation that the launcher itself belongs to; no release touches it.
 */
const slotSchema = z.enum(['base', 'a', 'b']);
export type Slot = z.output<typeof slotSchema>;

const stateSchema = z.object({
  active: slotSchema,
  /** Of the active one; 0: the base. */
  version: z.number().int().min(0),
  /** The file that Node runs, below the slot's folder; null for the base. */
  entry: z.string().nullable(),
  /** The highest that was ever put into a folder here: no lower one follows. */
  highest: z.number().int().min(0),
  /** Versions that were tried and did not prove themselves; never tried again. */
  failed: z.array(z.number().int()).max(1_000),
  /** To be tried, or being tried. */
  trial: z
    .object({ slot: slotSchema, version: z.number().int(), entry: z.string(), starts: z.number().int().min(0) })
    .nullable(),
});
export type SlotState = z.output<typeof stateSchema>;

const FIRST: SlotState = { active: 'base', version: 0, entry: null, highest: 0, failed: [], trial: null };

/** Starts of a trial that a power cut may end before it is given up. */
const MAX_STARTS = 3;

export function releaseFolder(stateDir: string): string {
  return join(stateDir, 'releases');
}

export function slotFolder(stateDir: string, slot: Slot): string {
  return join(releaseFolder(stateDir), slot);
}

/** What was left by whatever process; as at first where nothing was. @throws Error when it cannot be read */
export async function readSlots(stateDir: string): Promise<SlotState> {
  const file = join(releaseFolder(stateDir), 'state.json');
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return FIRST;
  const parsed = stateSchema.safeParse(parseJson(text));
  // Guessing here could undo the protection against older releases.
  if (!parsed.success)
    throw new Error(`${file} cannot be read. Without it the installation itself runs: remove it by hand.`);
  return parsed.data;
}

export async function writeSlots(stateDir: string, state: SlotState): Promise<void> {
  await mkdir(releaseFolder(stateDir), { recursive: true, mode: 0o700 });
  await writeFileAtomically(join(releaseFolder(stateDir), 'state.json'), JSON.stringify(state));
}

/** Where the next release is put. */
export function freeSlot({ active }: SlotState): Slot {
  return active === 'a' ? 'b' : 'a';
}

/** The next release lies complete in the free folder. */
export function staged(
  state: SlotState,
  { version, entry }: { readonly version: number; readonly entry: string },
): SlotState {
  return {
    ...state,
    highest: Math.max(state.highest, version),
    trial: { slot: freeSlot(state), version, entry, starts: 0 },
  };
}

/** The trial is begun once more; undefined when it was begun too often, and never came to a verdict. */
export function trialBegun(state: SlotState): SlotState | undefined {
  const { trial } = state;
  if (!trial || trial.starts >= MAX_STARTS) return undefined;
  return { ...state, trial: { ...trial, starts: trial.starts + 1 } };
}

/** The release has proved itself. */
export function committed(state: SlotState): SlotState {
  const { trial } = state;
  if (!trial) return state;
  return { ...state, active: trial.slot, version: trial.version, entry: trial.entry, trial: null };
}

/** It has not: the one before goes on. */
export function returned(state: SlotState): SlotState {
  const { trial } = state;
  if (!trial) return state;
  return { ...state, failed: [...state.failed, trial.version].slice(-1_000), trial: null };
}
