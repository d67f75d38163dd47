import { defineSearchAttributeKey } from '@temporalio/common';
import { SEARCH_ATTRIBUTES, type SearchAttributeName } from '../domain/searchAttributes.ts';

const SDK_TYPES = { Keyword: 'KEYWORD', Datetime: 'DATETIME', Bool: 'BOOL', KeywordList: 'KEYWORD_LIST' } as const;

function key<Name extends SearchAttributeName>(name: Name) {
  type Type = (typeof SDK_TYPES)[(typeof SEARCH_ATTRIBUTES)[Name]];
  const type: Type = SDK_TYPES[SEARCH_ATTRIBUTES[name]];
  return defineSearchAttributeKey<Type>(name, type);
}

/** Typed keys of domain/searchAttributes.ts. */
export const attributes = {
  cellId: key('CellId'),
  regionId: key('RegionId'),
  vehicleId: key('VehicleId'),
  hardwareClass: key('HardwareClass'),
  jobId: key('JobId'),
  jobState: key('JobState'),
  deadline: key('Deadline'),
  readyBy: key('ReadyBy'),
  emergency: key('Emergency'),
  onFallback: key('OnFallback'),
  offPeak: key('OffPeak'),
  failingFeeds: key('FailingFeeds'),
  feedsReadAt: key('FeedsReadAt'),
} as const;
