import type { Database } from '../../store/database.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import type { SliceSigner } from '../../store/sliceAccess.ts';

export interface JobPorts {
  readonly database: Database;
  readonly objects: ObjectStore;
  readonly gridNowMs: () => number;
  /** How cars reach their shards over the API. */
  readonly carAccess: { readonly url: string; readonly signer: SliceSigner };
}
