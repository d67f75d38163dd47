import { stat } from 'node:fs/promises';
import { freemem } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../config/config.ts';
import { DEFAULT_TENANT } from '../../domain/apiKeys.ts';
import { selectModelFiles } from '../../domain/modelFolders.ts';
import { folderDeclarationSchema } from '../../domain/modelUploads.ts';
import { pathsBelow } from '../../cli/modelFolder.ts';
import { folderSha256 } from '../../inference/models/folderSha256.ts';
import { openDatabase, type Database } from '../../store/database.ts';
import { migrate } from '../../store/migrate.ts';
import { readModel, readProbedSpeed, recordModelNeeds } from '../../store/models.ts';
import { sha256OfFile } from '../../store/objects/sha256OfFile.ts';
import { modelAdmissionOver } from '../../worker/api/modelAdmission.ts';
import { databaseUrlOf, startPlatform, type PlatformOptions } from '../../worker/local/platform.ts';
import { postgresProcess } from '../../worker/local/postgres/postgresProcess.ts';
import { openObjects } from '../../worker/process/openObjects.ts';
import { untilAnswered } from '../../worker/process/untilAnswered.ts';
import type { ChatModel } from './chatModel.ts';

export interface PublishPorts extends Pick<PlatformOptions, 'stop' | 'force'> {
  /** Cars that will have the model in their memory. */
  readonly cars: number;
  readonly onStatus: (text: string) => void;
  readonly onWarning: (text: string) => void;
}

/**
 * Has the model checked, measured and published as any that is added, before the night's clock begins: on a busy machine
 * it takes minutes, which would be hours of the night. One that is published already stays as it is.
 * @returns real ms that this machine takes for a unit of the model's work, as it was measured then
 * @throws NightshiftError `model_refused`, `invalid_request`
 */
export async function publishChatModel(config: Config, model: ChatModel, ports: PublishPorts): Promise<number> {
  const { stop, force } = ports;
  const processes = config.databaseUrl === undefined ? [postgresProcess(config)] : [];
  const platform = await startPlatform(config, { processes, ...(stop && { stop }), ...(force && { force }) });
  const database = openDatabase({ url: databaseUrlOf(config), maxConnections: 2 });
  try {
    await untilAnswered('PostgreSQL', () => migrate(database));
    return await publish(database, config, model, ports);
  } finally {
    await database.close();
    await platform.stop();
  }
}

async function publish(
  database: Database,
  config: Config,
  { folder, variant, name }: ChatModel,
  { cars, onStatus, onWarning }: PublishPorts,
): Promise<number> {
  onStatus(`${name} is read`);
  const { paths } = selectModelFiles(await pathsBelow(folder), variant);
  const files = [];
  for (const path of paths) {
    const full = join(folder, path);
    files.push({ path, sha256: await sha256OfFile(full), sizeBytes: (await stat(full)).size });
  }
  const version = folderSha256(files).slice(0, 12);
  // A version that was admitted before speeds were noted gets the night as it is written.
  if (await readModel(database, DEFAULT_TENANT, name, version)) {
    return (await readProbedSpeed(database, { name, version })) ?? 0;
  }
  onStatus(`${name} is checked and measured`);
  const declaration = folderDeclarationSchema.parse({ name, version, ...(variant !== undefined && { variant }) });
  const admission = modelAdmissionOver(database, openObjects(config.objects));
  const probed = await admission.admitFolder({ declaration, root: folder, files }, DEFAULT_TENANT);
  const { peakMemoryMb = 0, neededMemoryMb: memoryMb, msPerSample, unitsPerSample } = probed;
  const msPerUnit = msPerSample / unitsPerSample;
  await recordModelNeeds(database, { name, version }, { memoryMb, msPerUnit });
  const freeMb = freemem() / 1024 ** 2;
  if (peakMemoryMb * cars > freeMb) {
    onWarning(
      `${name} takes up to ${peakMemoryMb} MiB in each of ${cars} cars, ${peakMemoryMb * cars} MiB if all compute; this ` +
        `machine has ${freeMb.toFixed(0)} MiB free. Where it gets slow, take a smaller model or variant.`,
    );
  }
  return msPerUnit;
}
