/**
 * What an operator can search workflows by in the Temporal UI, with the server's type for it. A namespace on SQL
 * visibility has room for 10 Keyword and 3 of each other type, so a new one needs a reason.
 */
export const SEARCH_ATTRIBUTES = {
  RegionId: 'Keyword',
  CellId: 'Keyword',
  HardwareClass: 'Keyword',
  JobState: 'Keyword',
  VehicleId: 'Keyword',
  TenantId: 'Keyword',
  /** Grid time by which a job's answers are due. */
  Deadline: 'Datetime',
  EmergencyActive: 'Bool',
} as const satisfies Record<string, 'Keyword' | 'Datetime' | 'Bool'>;

export type SearchAttributeName = keyof typeof SEARCH_ATTRIBUTES;
