import { encrypted } from '../../store/objects/encrypted.ts';
import { createFileStore } from '../../store/objects/fileStore.ts';
import { below } from '../../store/objects/prefixed.ts';
import { createS3Store } from '../../store/objects/s3Store.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import type { ObjectsConfig } from '../config/objects.ts';

export function openObjects(config: ObjectsConfig): ObjectStore {
  const { encryptionKeys } = config;
  const store = openPlace(config);
  return encryptionKeys ? encrypted(encryptionKeys, store) : store;
}

function openPlace(config: ObjectsConfig): ObjectStore {
  if (config.kind === 'directory') return createFileStore(config.path);
  return below(config.prefix, createS3Store({ ...config, ...config.credentials }));
}
