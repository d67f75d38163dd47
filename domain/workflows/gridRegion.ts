import type { Clock } from '../clock.ts';
import type { JournalReason } from '../journal.ts';

/** What a region is started with, and what it tells. Instants are grid time in epoch milliseconds. */

export interface GridRegionInput {
  readonly regionId: string;
  readonly cellId: string;
  readonly timeZone: string;
  readonly clock: Clock;
  /** Grid time between two polls of the region's feeds. */
  readonly pollEveryMs: number;
  /** Carried over continue-as-new. */
  readonly last?: RegionSummary;
}

/** What a region knows of its grid, in the few figures that operators and the cell need. */
export interface RegionSummary {
  readonly atMs: number;
  readonly priceEurPerKwh: number | null;
  readonly carbonGPerKwh: number | null;
  readonly ambientCelsius: number | null;
  /** End of the known price horizon. */
  readonly knownUntilMs: number | null;
  readonly offPeakWindows: readonly { readonly startMs: number; readonly endMs: number }[];
  /** Feeders whose import limit is unknown now, so that their fail-safe limit is in force. */
  readonly feedersOnFailSafe: readonly string[];
  /** The tightest first, and not more than an operator reads. */
  readonly limits: readonly LimitNow[];
  /** When the limit of any feeder is next another; null when that is not known. */
  readonly limitsChangeMs: number | null;
  readonly feeds: readonly FeedHealth[];
  /** An import limit of 0 is in force somewhere in the region. */
  readonly emergency: boolean;
  readonly fallbacks: readonly JournalReason[];
}

/** What limits a feeder now. */
export interface LimitNow {
  readonly feederId: string;
  readonly limitKw: number;
  /** Null for the fail-safe limit, since nobody says anything. */
  readonly source: string | null;
  /** Null when nothing else is known to follow. */
  readonly untilMs: number | null;
}

/** How reading a feed goes. */
export interface FeedHealth {
  readonly feed: string;
  /** Null when it never worked. */
  readonly readAtMs: number | null;
  /** Null while it works. */
  readonly failingSinceMs: number | null;
  readonly failure: string | null;
  /** In a row. */
  readonly failures: number;
}

export interface GridEmergency {
  readonly id: string;
  readonly message: string;
  readonly startMs: number;
  readonly endMs: number;
  /** Feeders that must shed; all of the region when empty. */
  readonly feederIds: readonly string[];
}
