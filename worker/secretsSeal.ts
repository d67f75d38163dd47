import { sealWith, type Seal } from '../store/seal.ts';
import type { Config } from './config/config.ts';
import { keptSecret } from './keptSecret.ts';

/** Seals with the configured key, else with one that is made up for this state folder. */
export function secretsSealOf({ secretsKey, stateDir }: Pick<Config, 'secretsKey' | 'stateDir'>): Seal {
  return sealWith(secretsKey ?? keptSecret(stateDir, 'secrets-key'));
}
