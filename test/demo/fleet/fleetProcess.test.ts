import { expect, test } from 'vitest';
import { fleetProcess } from '../../../demo/fleet/fleetProcess.ts';
import { loadConfig } from '../../../config/config.ts';
import { localProcesses } from '../../../worker/local/platform.ts';
import type { ManagedProcess } from '../../../worker/local/supervisor/managedProcess.ts';
import { temporaryFolder } from '../../worker/local/supervisor/scripts.ts';

async function environmentOf(process: ManagedProcess | undefined): Promise<NodeJS.ProcessEnv> {
  const launched = await process?.launch(() => {}, new AbortController().signal);
  return launched?.env ?? {};
}

test('gives simulated cars nothing to open the store, the database or the namespace with', async () => {
  const secrets = {
    NIGHTSHIFT_OBJECTS_URL: 's3://bucket',
    NIGHTSHIFT_OBJECTS_ENCRYPTION_KEYS: 'the key of the objects at rest',
    NIGHTSHIFT_SECRETS_KEY: 'the key that signs tokens',
    AWS_ACCESS_KEY_ID: 'id',
    AWS_SECRET_ACCESS_KEY: 'secret',
    DATABASE_URL: 'postgres://db/nightshift',
    TEMPORAL_ADDRESS: 'cloud:7233',
    TEMPORAL_API_KEY: 'the key of the namespace',
  };
  const config = loadConfig({ env: secrets, cwd: temporaryFolder() });
  expect(await environmentOf(localProcesses(config).find(({ name }) => name === 'control'))).toMatchObject(secrets);
  const fleet = await environmentOf(fleetProcess(config));
  expect(Object.keys(secrets).filter((name) => fleet[name] !== undefined)).toEqual([]);
});
