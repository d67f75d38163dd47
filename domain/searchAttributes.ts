/**
 * Search attributes that every namespace needs. SQL visibility allows 10 Keyword and only 3 of each other type in a
 * namespace, so each one here is spent on something that operators filter by.
 */
export const SEARCH_ATTRIBUTES = {
  CellId: 'KEYWORD',
  RegionId: 'KEYWORD',
  VehicleId: 'KEYWORD',
  HardwareClass: 'KEYWORD',
  JobId: 'KEYWORD',
  JobState: 'KEYWORD',
  Deadline: 'DATETIME',
  ReadyBy: 'DATETIME',
  Emergency: 'BOOL',
  OnFallback: 'BOOL',
} as const;
