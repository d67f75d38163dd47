import type { Config } from '../../config/config.ts';
import { keptSecret } from './keptSecret.ts';

/** The API's key: the configured one, else one that is made up for this state folder. */
export function apiKeyOf({ api, stateDir }: Pick<Config, 'api' | 'stateDir'>): string {
  return api.key ?? keptSecret(stateDir, 'api-key');
}
