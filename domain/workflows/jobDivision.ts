import type { Clock } from '../clock.ts';

/** What the division of a cell's jobs is started with. */
export interface JobDivisionInput {
  /** The cell whose API took the jobs. */
  readonly cellId: string;
  readonly clock: Clock;
  readonly slotMinutes: number;
}

/** What a division changed. */
export interface Division {
  /** Cells whose share of some job is another now. */
  readonly cells: readonly string[];
  /** Markdown for the operator. */
  readonly summary: string;
}
