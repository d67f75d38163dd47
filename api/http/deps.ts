import type { Logger } from 'pino';

import type { Batch } from '../../store/batches.ts';
import type { Cell } from '../../store/cells.ts';
import type { Database } from '../../store/database.ts';
import type { ParkingSession } from '../../store/parkingSessions.ts';
import type { ObjectStore } from '../../store/objectStore.ts';

/** Starts and cancels the durable job behind a batch; the composition root implements it with Temporal. */
export interface JobStarter {
  /**
   * Starts the batch's job. Asked again, also after the job has ended, it does nothing.
   * @throws NightshiftError `unavailable`
   */
  start(batch: Pick<Batch, 'id' | 'endpoint'>): Promise<void>;
  /** Asks the job to end and to keep what is finished. @throws NightshiftError `unavailable` */
  cancel(batchId: string): Promise<void>;
}

/** Tells the durable session of a stay; the composition root implements it with Temporal. */
export interface StayNotifier {
  /** The owner changed what is wanted; a session that has ended takes no harm. @throws NightshiftError `unavailable` */
  policyChanged(stay: Pick<ParkingSession, 'vehicleId' | 'stay'>): Promise<void>;
}

export interface ApiDeps {
  readonly db: Database;
  readonly objects: ObjectStore;
  readonly jobs: JobStarter;
  readonly stays: StayNotifier;
  readonly cell: Cell;
  /** The one key that callers present as `Authorization: Bearer`. */
  readonly apiKey: string;
  readonly logger: Logger;
  /** Real time in epoch milliseconds. */
  readonly now: () => number;
}
