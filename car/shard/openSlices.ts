import { NightshiftError } from '../../domain/errors.ts';
import type { OpenSlice } from './ports.ts';
import { openSliceStore } from './sliceStore.ts';

/** How a car reaches its slices: over the API, by the access that came with the shard. */
export const openSliceByAccess: OpenSlice = (access) => {
  if (access) return openSliceStore(access);
  // Shards that a version before this one cut.
  throw new NightshiftError('unavailable', 'The shard came without access to its objects.');
};
