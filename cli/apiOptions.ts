import type { Command } from 'commander';

import type { ApiClient } from '../api/client/apiClient.ts';
import type { GridClient } from '../api/client/gridClient.ts';

/** Where the API is; without them, as the configuration of this folder says. */
export interface ApiOptions {
  readonly url?: string;
  readonly key?: string;
}

export function withApiOptions(command: Command): Command {
  return command
    .option('--url <url>', 'base URL of the API; from the configuration unless given')
    .option('--key <key>', 'API key; from the configuration unless given');
}

export async function openApi({ url, key }: ApiOptions): Promise<ApiClient> {
  const { ApiClient } = await import('../api/client/apiClient.ts');
  if (url !== undefined && key !== undefined) return new ApiClient(url, key);
  const { loadConfig } = await import('../config/config.ts');
  const { apiKeyOf } = await import('../worker/process/apiKey.ts');
  const config = loadConfig({ env: process.env, cwd: process.cwd() });
  return new ApiClient(url ?? config.api.url, key ?? apiKeyOf(config));
}

export async function openGrid(options: ApiOptions): Promise<GridClient> {
  const { GridClient } = await import('../api/client/gridClient.ts');
  return new GridClient(await openApi(options));
}
