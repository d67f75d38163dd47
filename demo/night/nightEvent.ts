import { MINUTE_MS } from '../../domain/durations.ts';
import type { NightUtility } from './nightFile.ts';
import type { Json } from '../../simulator/vtn/exchange.ts';

const INTERVAL_MS = 15 * MINUTE_MS;

/** The utility's event of the night as its server sends it: a limit for each quarter of an hour, and what to report. */
export function nightEvent({ id, event }: NightUtility, programId: string): Json {
  const asked = ['USAGE', 'BASELINE', 'OPERATING_STATE', 'STORAGE_CHARGE_LEVEL'];
  return {
    id: `${id}-${event.start / 1000}`,
    programID: programId,
    eventName: event.name,
    priority: 1,
    intervalPeriod: { start: new Date(event.start).toISOString(), duration: 'PT15M' },
    payloadDescriptors: [{ objectType: 'EVENT_PAYLOAD_DESCRIPTOR', payloadType: 'IMPORT_CAPACITY_LIMIT', units: 'KW' }],
    reportDescriptors: [
      ...asked.map((payloadType) => ({ payloadType, aggregate: true })),
      { payloadType: 'USAGE_FORECAST', aggregate: true, historical: false },
    ],
    intervals: Array.from({ length: Math.ceil((event.end - event.start) / INTERVAL_MS) }, (_, interval) => ({
      id: interval,
      payloads: [{ type: 'IMPORT_CAPACITY_LIMIT', values: [event.importLimitKw] }],
    })),
  };
}
