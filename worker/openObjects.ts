import { createFileStore } from '../store/objects/fileStore.ts';
import { createS3Store } from '../store/objects/s3Store.ts';
import type { ObjectStore } from '../store/objectStore.ts';
import type { ObjectsConfig } from './config/objects.ts';

export function openObjects(config: ObjectsConfig): ObjectStore {
  return config.kind === 'directory'
    ? createFileStore(config.path)
    : createS3Store({ ...config, ...config.credentials });
}
