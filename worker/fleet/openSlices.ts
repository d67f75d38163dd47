import type { OpenSlice } from '../../activities/inference/ports.ts';
import { openSliceStore } from '../../activities/inference/sliceStore.ts';
import { NightshiftError } from '../../domain/errors.ts';
import type { ObjectsConfig } from '../config/objects.ts';
import { openObjects } from '../openObjects.ts';

/** How cars reach their slices: over the API where `objects.carUrl` is set, else in the store itself. */
export function sliceOpener(config: ObjectsConfig): OpenSlice {
  const objects = config.carUrl === undefined ? openObjects(config) : undefined;
  return (access) => {
    if (access) return openSliceStore(access);
    if (objects) return objects;
    throw new NightshiftError('unavailable', 'The shard came without access, and cars may not open the store here.');
  };
}
