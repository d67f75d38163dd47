import { DAY_MS } from '../../domain/durations.ts';
import { modelManifestSchema, pipelineAssets, type ModelManifest } from '../../domain/models.ts';
import { objectKeys } from '../../domain/names.ts';
import { namedObjectKeys } from '../../store/files.ts';
import { listEveryModel } from '../../store/models.ts';
import { noteOrphans, removeOrphans } from '../../store/orphans.ts';
import type { ApiPorts } from './ports.ts';

/** At one go; the rest waits for the next. */
const MAX_AT_ONCE = 1_000;
const FILES = 'files/';
const MODELS = 'models/';
/** Published names stay taken, so what was published under them stays known. */
const MANIFESTS = 'models/manifests/';

/**
 * Removes files of the Files API and of models that have had no name for as long as the retention says: of removed models,
 * and of uploads whose process died between the bytes and the name. What is stored at this moment has no name yet, so
 * that nothing goes when it is first seen. To be called now and then.
 */
export async function sweepOrphans({
  database,
  objects,
  retention,
}: Pick<ApiPorts, 'database' | 'objects' | 'retention'>): Promise<void> {
  const stored = [...(await objects.list(FILES)), ...(await objects.list(MODELS))];
  const files = stored.filter((key) => key.startsWith(FILES));
  const named = new Set(await namedObjectKeys(database, files));
  const ofModels = await keysOfModels(database);
  const isOrphan = (key: string): boolean => {
    if (key.startsWith(FILES)) return !named.has(key);
    return ofModels !== undefined && !key.startsWith(MANIFESTS) && !ofModels.has(key);
  };
  await noteOrphans(database, stored.filter(isOrphan));
  await removeOrphans(database, objects, retention.orphanDays * DAY_MS, MAX_AT_ONCE);
}

/** Of all registered versions; undefined when one cannot be read, since its files cannot be told then. */
async function keysOfModels(database: ApiPorts['database']): Promise<ReadonlySet<string> | undefined> {
  const keys = new Set<string>();
  for (const { manifest } of await listEveryModel(database)) {
    const parsed = modelManifestSchema.safeParse(manifest);
    if (!parsed.success) return undefined;
    for (const key of keysOf(parsed.data)) keys.add(key);
  }
  return keys;
}

function keysOf({ sha256, pipeline, folder }: ModelManifest): string[] {
  if (folder) return folder.files.map((file) => objectKeys.modelFile(file.sha256));
  return [objectKeys.model(sha256), ...pipelineAssets(pipeline).map((asset) => objectKeys.modelAsset(asset))];
}
