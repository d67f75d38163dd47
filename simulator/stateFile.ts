import { readFile, rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { NightshiftError } from '../domain/errors.ts';
import { parseJson } from '../domain/json.ts';
import { carStateSchema } from './carState.ts';

const savedFleetSchema = z.object({
  scenario: z.string(),
  cars: z.record(z.string(), z.object({ state: carStateSchema, openConnectionId: z.string().nullable() })),
});
export type SavedFleet = z.infer<typeof savedFleetSchema>;

/**
 * The fleet as an earlier process left it, or undefined when there was none.
 * @throws NightshiftError `conflict` when the file holds another scenario, or is not ours.
 */
export async function loadFleet(file: string, scenario: string): Promise<SavedFleet | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const saved = savedFleetSchema.safeParse(parseJson(text));
  if (!saved.success || saved.data.scenario !== scenario) {
    const holds = saved.success ? `the scenario ${saved.data.scenario}` : 'something else';
    throw new NightshiftError('conflict', `${file} holds ${holds}, not the simulated fleet of ${scenario}`);
  }
  return saved.data;
}

/** All or nothing: a process that is killed while it saves leaves the state before. */
export async function saveFleet(file: string, fleet: SavedFleet): Promise<void> {
  const partial = `${file}.partial`;
  await writeFile(partial, JSON.stringify(fleet), { mode: 0o600 });
  await rename(partial, file);
}
