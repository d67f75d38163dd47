import type { Database } from '../../store/database.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import type { SliceSigner } from '../../store/sliceAccess.ts';

export interface JobPorts {
  readonly database: Database;
  readonly objects: ObjectStore;
  /** By the clock of the cell that took the job: workers take the jobs of all cells. */
  readonly gridNowMs: (cellId: string) => Promise<number> | number;
  /** Told of each shard that was judged, once. */
  readonly onJudged?: (judged: {
    readonly accepted: boolean;
    readonly handovers: number;
    readonly redoneLines: number;
  }) => void;
  /** Draws which lines are looked at, and where canaries stand; cars must not know it. */
  readonly checkKey: Buffer;
  /** How cars reach their shards over the API. */
  readonly carAccess: { readonly url: string; readonly signer: SliceSigner };
}
