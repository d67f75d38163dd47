import { encrypted } from '../../store/objects/encrypted.ts';
import { createFileStore } from '../../store/objects/fileStore.ts';
import { below } from '../../store/objects/prefixed.ts';
import { createS3Store } from '../../store/objects/s3Store.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import type { ObjectsConfig } from '../../config/objects.ts';

export function openObjects(config: ObjectsConfig): ObjectStore {
  const { encryptionKeys } = config;
  const store = openStoredObjects(config);
  return encryptionKeys ? encrypted(encryptionKeys, store) : store;
}

/** As the bytes lie there, still encrypted: for backups. */
export function openStoredObjects(config: ObjectsConfig): ObjectStore {
  if (config.kind === 'directory') return createFileStore(config.path);
  return below(config.prefix, createS3Store({ ...config, ...config.credentials }));
}
