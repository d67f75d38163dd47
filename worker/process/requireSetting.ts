import { NightshiftError } from '../../domain/errors.ts';
import type { Config } from '../../config/config.ts';

/**
 * A setting that this process cannot do without. The local stack hands it down; who runs a process alone sets it.
 * @throws NightshiftError `invalid_config` naming the key
 */
export function requireSetting<Key extends keyof Config>(config: Config, key: Key): NonNullable<Config[Key]> {
  const value = config[key];
  if (value === undefined || value === null) {
    throw new NightshiftError('invalid_config', `${key} must be set to run this process by itself`, { field: key });
  }
  return value;
}
