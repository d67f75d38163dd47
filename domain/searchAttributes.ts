/**
 * What an operator can search workflows by in the Temporal UI, with the server's type for it. A namespace on SQL
 * visibility has room for 10 Keyword and 3 of each other type, so a new one needs a reason.
 */
export const SEARCH_ATTRIBUTES = {
  CellId: 'Keyword',
  RegionId: 'Keyword',
  VehicleId: 'Keyword',
  HardwareClass: 'Keyword',
  JobId: 'Keyword',
  JobState: 'Keyword',
  /** Grid time by which a job's answers are due. */
  Deadline: 'Datetime',
  /** Grid time at which an owner needs the car. */
  ReadyBy: 'Datetime',
  Emergency: 'Bool',
  /** A region's plans rest on something else than its signals. */
  OnFallback: 'Bool',
  /** A region is in one of its off-peak windows. */
  OffPeak: 'Bool',
  /** Feeds of a region that do not answer now. */
  FailingFeeds: 'KeywordList',
  /** Grid time of the last reading of the region's feed that is silent the longest. */
  FeedsReadAt: 'Datetime',
} as const satisfies Record<string, 'Keyword' | 'KeywordList' | 'Datetime' | 'Bool'>;

export type SearchAttributeName = keyof typeof SEARCH_ATTRIBUTES;
