import { AsyncLocalStorage } from 'node:async_hooks';
import { jobOfWave } from './names.ts';

/** What a line of the log is about. The same names stand in the lines of every process, so that one id is found in all. */
export interface LogIds {
  /** Of the HTTP request: its answer has it as `x-request-id`. */
  readonly requestId?: string;
  readonly jobId?: string;
  /** VIN, or the id of a site node. */
  readonly vehicleId?: string;
  readonly workflowId?: string;
}

const current = new AsyncLocalStorage<LogIds>();

/** Runs `work`; every line that is logged in it carries these ids, beside those that it was called with. */
export function withLogIds<Result>(ids: LogIds, work: () => Result): Result {
  return current.run({ ...current.getStore(), ...ids }, work);
}

/** Of the work that runs now; for the logger. */
export function currentLogIds(): LogIds {
  return current.getStore() ?? {};
}

/** What a workflow is about, by its id (domain/names.ts). */
export function idsOfWorkflow(workflowId: string): LogIds {
  const [kind, id = ''] = workflowId.split('/');
  const jobId = kind === 'job' ? id : jobOfWave(workflowId);
  return {
    workflowId,
    ...(jobId !== undefined && { jobId }),
    ...(kind === 'session' && { vehicleId: id }),
  };
}
