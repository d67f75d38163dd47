import type { ObjectStore } from '../../store/objectStore.ts';
import type { JobPorts } from '../jobs/jobPorts.ts';

/** What roll-outs work with. */
export type RolloutPorts = Pick<JobPorts, 'database' | 'gridNowMs' | 'carAccess'> & {
  readonly objects: Pick<ObjectStore, 'put' | 'get' | 'getStream'>;
  /** Real time in epoch milliseconds. */
  readonly now: () => number;
};
