import { defineSearchAttributeKey } from '@temporalio/common';
import { SEARCH_ATTRIBUTES } from '../domain/searchAttributes.ts';

/** Typed keys of domain/searchAttributes.ts. */
export const attributes = {
  cellId: defineSearchAttributeKey('CellId', SEARCH_ATTRIBUTES.CellId),
  regionId: defineSearchAttributeKey('RegionId', SEARCH_ATTRIBUTES.RegionId),
  vehicleId: defineSearchAttributeKey('VehicleId', SEARCH_ATTRIBUTES.VehicleId),
  hardwareClass: defineSearchAttributeKey('HardwareClass', SEARCH_ATTRIBUTES.HardwareClass),
  jobId: defineSearchAttributeKey('JobId', SEARCH_ATTRIBUTES.JobId),
  jobState: defineSearchAttributeKey('JobState', SEARCH_ATTRIBUTES.JobState),
  deadline: defineSearchAttributeKey('Deadline', SEARCH_ATTRIBUTES.Deadline),
  readyBy: defineSearchAttributeKey('ReadyBy', SEARCH_ATTRIBUTES.ReadyBy),
  emergency: defineSearchAttributeKey('Emergency', SEARCH_ATTRIBUTES.Emergency),
  onFallback: defineSearchAttributeKey('OnFallback', SEARCH_ATTRIBUTES.OnFallback),
} as const;
