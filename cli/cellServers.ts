import type { BackupPorts } from '../store/backup/backUp.ts';
import { createFileStore } from '../store/objects/fileStore.ts';
import { loadConfig, type Config } from '../config/config.ts';
import { databaseUrlOf, embeddedServers, startPlatform } from '../worker/local/platform.ts';
import { openStoredObjects } from '../worker/process/openObjects.ts';

export function configured(): Config {
  return loadConfig({ env: process.env, cwd: process.cwd() });
}

export function backupPortsOver(config: Config, folder: string, onProgress: (text: string) => void): BackupPorts {
  return {
    databaseUrl: databaseUrlOf(config),
    objects: openStoredObjects(config.objects),
    folder: createFileStore(folder),
    onProgress,
  };
}

/** Runs `work` while PostgreSQL runs: one of its own, where the configuration names none. */
export async function withDatabase<Result>(config: Config, work: () => Promise<Result>): Promise<Result> {
  if (config.databaseUrl !== undefined) return work();
  const servers = embeddedServers(config).filter(({ name }) => name === 'postgres');
  const platform = await startPlatform(config, { processes: servers });
  try {
    return await work();
  } finally {
    await platform.stop();
  }
}
