import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Config } from './config/config.ts';

/** The API's key: the configured one, else one that is made up once and kept in the state folder, for its owner only. */
export function apiKeyOf({ api, stateDir }: Pick<Config, 'api' | 'stateDir'>): string {
  if (api.key !== undefined) return api.key;
  const file = join(stateDir, 'api-key');
  mkdirSync(dirname(file), { recursive: true });
  try {
    writeFileSync(file, `ns-${randomBytes(18).toString('base64url')}`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  return readFileSync(file, 'utf8');
}
