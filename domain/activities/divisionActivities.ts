import type { Division } from '../workflows/jobDivision.ts';

/** What `jobDivision` asks for. */
export interface DivisionActivities {
  /** Divides the cell's open jobs among all cells that may run them, by what their newest plans say. */
  divideJobs(request: { readonly cellId: string; readonly nowMs: number }): Promise<Division>;
}
