import { createHmac } from 'node:crypto';

import type { JobPorts } from '../../activities/jobs/jobPorts.ts';
import { taskTokensWith, type TaskTokens } from '../../api/gateway/taskTokens.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { sealWith, type Seal } from '../../store/seal.ts';
import { sliceSignerWith, type SliceSigner } from '../../store/sliceAccess.ts';
import type { Config } from '../../config/config.ts';
import { keptSecret } from './keptSecret.ts';

/** Seals with the configured key, else with one that is made up for this state folder; opens with those before it too. */
export function secretsSealOf(config: SecretsConfig): Seal {
  return sealWith(secretsKeyOf(config), ...config.previousSecretsKeys);
}

/** Signs cars' access with the same key. */
export function sliceSignerOf(config: SecretsConfig): SliceSigner {
  return sliceSignerWith(secretsKeyOf(config), ...config.previousSecretsKeys);
}

/** Seals cars' task tokens with the same key. */
export function taskTokensOf(config: SecretsConfig): TaskTokens {
  return taskTokensWith(secretsKeyOf(config), ...config.previousSecretsKeys);
}

/** How cars reach their shards over the API. */
export function carAccessOf(config: SecretsConfig): JobPorts['carAccess'] {
  return { url: config.objects.carUrl, signer: sliceSignerOf(config) };
}

/** Draws which answers are checked, by the same key. */
export function checkKeyOf(config: SecretsConfig): Buffer {
  return createHmac('sha256', secretsKeyOf(config)).update('nightshift checks').digest();
}

type SecretsConfig = Pick<Config, 'secretsKey' | 'previousSecretsKeys' | 'stateDir' | 'databaseUrl' | 'objects'>;

/**
 * The configured key, else one that is made up for this state folder, which only processes of one host share.
 * @throws NightshiftError `invalid_config` where processes of other hosts may take part
 */
export function secretsKeyOf({ secretsKey, stateDir, databaseUrl, objects }: SecretsConfig): string {
  if (secretsKey !== undefined) return secretsKey;
  const shared = databaseUrl === undefined ? (objects.kind === 's3' ? 'objects.url' : undefined) : 'databaseUrl';
  if (shared !== undefined) {
    const message =
      `secretsKey: must be set where ${shared} names a server, since processes of several hosts must seal and sign ` +
      'with one key. Set NIGHTSHIFT_SECRETS_KEY to the same 24 or more characters on each of them.';
    throw new NightshiftError('invalid_config', message, { field: 'secretsKey' });
  }
  return keptSecret(stateDir, 'secrets-key');
}
