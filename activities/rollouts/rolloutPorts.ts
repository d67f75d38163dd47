import type { JobPorts } from '../jobs/jobPorts.ts';

/** What roll-outs work with. */
export type RolloutPorts = Pick<JobPorts, 'database' | 'objects' | 'gridNowMs' | 'carAccess'> & {
  /** Real time in epoch milliseconds. */
  readonly now: () => number;
};
