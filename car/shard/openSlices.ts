import { NightshiftError } from '../../domain/errors.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import type { OpenSlice } from './ports.ts';
import { openSliceStore } from './sliceStore.ts';

/**
 * How a car reaches its slices: by the access that came with the shard, else in the store itself.
 * @param objects undefined where cars may not open the store
 */
export function sliceOpener(objects: ObjectStore | undefined): OpenSlice {
  return (access) => {
    if (access) return openSliceStore(access);
    if (objects) return objects;
    throw new NightshiftError('unavailable', 'The shard came without access, and cars may not open the store here.');
  };
}
