import type { Config } from '../../config/config.ts';
import { CONFIG_KEYS } from '../../config/keys.ts';
import { nodeProcess } from '../../worker/local/nodeProcess.ts';
import { childEnvironment } from '../../worker/local/platform.ts';
import type { ManagedProcess } from '../../worker/local/supervisor/managedProcess.ts';
import { withoutTemporalVariables } from '../../worker/local/temporal/temporalProcess.ts';

const SECRET_VARIABLES = [
  CONFIG_KEYS['objects.url'].env,
  CONFIG_KEYS['objects.encryptionKeys'].env,
  CONFIG_KEYS.secretsKey.env,
  CONFIG_KEYS.databaseUrl.env,
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
] as const;

/** Cars are given nothing with which they could open the store, the database or the namespace. */
function fleetEnvironment(config: Config): NodeJS.ProcessEnv {
  const environment = withoutTemporalVariables(childEnvironment(config));
  for (const name of SECRET_VARIABLES) delete environment[name];
  return environment;
}

/** The process of the simulated cars. */
export function fleetProcess(config: Config): ManagedProcess {
  return nodeProcess({
    name: 'fleet',
    main: '../../demo/fleet/main',
    cwd: config.cwd,
    environment: () => fleetEnvironment(config),
  });
}
