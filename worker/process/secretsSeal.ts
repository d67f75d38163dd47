import type { JobPorts } from '../../activities/jobs/jobPorts.ts';
import { taskTokensWith, type TaskTokens } from '../../api/gateway/taskTokens.ts';
import { sealWith, type Seal } from '../../store/seal.ts';
import { sliceSignerWith, type SliceSigner } from '../../store/sliceAccess.ts';
import type { Config } from '../config/config.ts';
import { keptSecret } from './keptSecret.ts';

/** Seals with the configured key, else with one that is made up for this state folder. */
export function secretsSealOf(config: SecretsConfig): Seal {
  return sealWith(secretsKeyOf(config));
}

/** Signs cars' access with the same key. */
export function sliceSignerOf(config: SecretsConfig): SliceSigner {
  return sliceSignerWith(secretsKeyOf(config));
}

/** Seals cars' task tokens with the same key. */
export function taskTokensOf(config: SecretsConfig): TaskTokens {
  return taskTokensWith(secretsKeyOf(config));
}

/** How cars reach their shards over the API. */
export function carAccessOf(config: SecretsConfig & Pick<Config, 'objects'>): JobPorts['carAccess'] {
  return { url: config.objects.carUrl, signer: sliceSignerOf(config) };
}

type SecretsConfig = Pick<Config, 'secretsKey' | 'stateDir'>;

function secretsKeyOf({ secretsKey, stateDir }: SecretsConfig): string {
  return secretsKey ?? keptSecret(stateDir, 'secrets-key');
}
