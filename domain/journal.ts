/** Kinds of journal lines; the console colours by them and the dashboard filters by them. */
export const JOURNAL_KINDS = [
  'window_opened',
  'window_closed',
  'limit_changed',
  'emergency',
  'utility_event',
  'utility_report',
  'plan',
  'plugged_in',
  'unplugged',
  'asleep',
  'woken',
  'wake_failed',
  'held',
  'departure_in_shard',
  'handover',
  'ready_by',
  'job_accepted',
  'job_finished',
  'settled',
  'fallback',
  'enrolled',
  'car_refused',
  'operator',
  'quarantined',
  'recalled',
  'rollout',
] as const;
export type JournalKind = (typeof JOURNAL_KINDS)[number];

export interface JournalLine {
  /** Grid time, epoch milliseconds. */
  readonly atMs: number;
  readonly kind: JournalKind;
  /** Workflow id or vehicle id that the line is about. */
  readonly subject: string;
  readonly message: string;
  readonly reasons?: readonly JournalReason[];
  /** Set by activities, so that a retry writes the line once. */
  readonly dedupeKey?: string;
}

/** A reason with its measured value and the limit it was held against, e.g. `ambient_too_hot` 41.2 > 40.0. */
export interface JournalReason {
  readonly code: string;
  readonly text: string;
  readonly value?: number;
  readonly limit?: number;
}
