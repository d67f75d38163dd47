import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ApiClient } from '../../api/client/apiClient.ts';
import { enrolmentCodeSchema, type AgentSettingsWire } from '../../api/wire/agents.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { writeFileAtomically } from '../../inference/atomicFile.ts';
import { exchangeCode, readAgentSettings, type CarCredentials } from '../../agent/carDoors.ts';

export interface EnrolledAgent {
  readonly credentials: CarCredentials;
  readonly settings: AgentSettingsWire;
}

/**
 * The car's key, as its agent gets it: kept from before, else by a code that the operator has made for it. A key that
 * is no longer known was a car's of an earlier night.
 * @throws NightshiftError `unavailable` while the API does not answer, `not_found` before the car is enrolled
 */
export async function enrolAgent(
  operator: ApiClient,
  apiUrl: string,
  carId: string,
  folder: string,
): Promise<EnrolledAgent> {
  const file = join(folder, 'key');
  const kept = await readFile(file, 'utf8').catch(() => undefined);
  if (kept !== undefined) {
    const credentials = { apiUrl, carId, key: kept };
    try {
      return { credentials, settings: await readAgentSettings(credentials) };
    } catch (error) {
      if (!(error instanceof NightshiftError) || error.code !== 'unauthorized') throw error;
    }
  }
  const made = await operator.json('POST', `/fleet/v1/vehicles/${encodeURIComponent(carId)}/codes`);
  const { key } = await exchangeCode(apiUrl, enrolmentCodeSchema.parse(made).code);
  await writeFileAtomically(file, Buffer.from(key));
  const credentials = { apiUrl, carId, key };
  return { credentials, settings: await readAgentSettings(credentials) };
}
