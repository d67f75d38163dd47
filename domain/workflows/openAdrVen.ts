import type { Clock } from '../clock.ts';
import type { OpenAdrStatus } from '../openAdr.ts';

/** What following a utility is started with, and what one synchronisation came to. Instants are grid time in epoch milliseconds. */

export interface OpenAdrVenInput {
  readonly connectionId: string;
  readonly clock: Clock;
  /** Carried over continue-as-new. */
  readonly last?: VenSync;
}

/** What one synchronisation with a utility's server came to. Holds no secret and no event. */
export interface VenSync {
  readonly status: OpenAdrStatus;
  /** The region that the connection speaks for. */
  readonly regionId: string;
  /** The region's signals are otherwise than before. */
  readonly changed: boolean;
  /** The events could not be read; another failure, such as of a report, does not slow the polling down. */
  readonly isAway: boolean;
  readonly pollEveryMs: number;
  /** When the next report is due; null when none is asked for. */
  readonly nextReportMs: number | null;
  /** What the server asked to wait, real time. */
  readonly retryAfterRealMs: number | null;
  readonly timeZone: string;
}
