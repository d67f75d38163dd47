import type { Command } from 'commander';

import type { BatchClient } from '../api/client/batchClient.ts';

/** Where the API is; without them, as the configuration of this folder says. */
export interface ApiOptions {
  readonly url?: string;
  readonly key?: string;
}

export function withApiOptions(command: Command): Command {
  return command
    .option('--url <url>', 'base URL of the API, ending in /v1; from the configuration unless given')
    .option('--key <key>', 'API key; from the configuration unless given');
}

export async function openApi({ url, key }: ApiOptions): Promise<BatchClient> {
  const { BatchClient } = await import('../api/client/batchClient.ts');
  if (url !== undefined && key !== undefined) return new BatchClient(url, key);
  const { loadConfig } = await import('../worker/config/config.ts');
  const { apiKeyOf } = await import('../worker/process/apiKey.ts');
  const config = loadConfig({ env: process.env, cwd: process.cwd() });
  return new BatchClient(url ?? `http://${config.api.host}:${config.api.port}/v1`, key ?? apiKeyOf(config));
}
