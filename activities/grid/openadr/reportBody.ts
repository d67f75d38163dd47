import { HOUR_MS } from '../../../domain/durations.ts';
import type { ReportBody } from './outgoing.ts';
import type { ReportInterval, ReportWindow } from './reportPlan.ts';
import type { TimeSpan } from './timing.ts';
import type { WireReportDescriptor } from './wire.ts';

/** What reports are filled from, for some feeders together. Energies are at the plug, of the cars. */
export interface ReportFacts {
  meteredKwh(feederIds: readonly string[], span: TimeSpan): number;
  baselineKwh(feederIds: readonly string[], span: TimeSpan): number;
  /** As planned; null where the plan does not reach. */
  plannedKwh(feederIds: readonly string[], span: TimeSpan): number | null;
  /** Whether the span is made of whole meter slots. */
  isWhole(span: TimeSpan): boolean;
  /** Whether an event lowers the feeders' limits within the span. */
  isCurtailed(feederIds: readonly string[], span: TimeSpan): boolean;
  storage(feederIds: readonly string[]): {
    readonly usableKwh: number;
    readonly storedKwh: number;
    readonly maxChargeKw: number;
  };
}

interface Reported {
  readonly units?: string;
  readonly readingType: 'DIRECT_READ' | 'MEAN' | 'ESTIMATED' | 'FORECAST';
  readonly value: (facts: ReportFacts, feederIds: readonly string[], span: TimeSpan) => number | string | null;
}

const hours = ({ startMs, endMs }: TimeSpan): number => (endMs - startMs) / HOUR_MS;
const IDLE_BELOW_KWH = 0.01;
const ENERGY_DIGITS = 4;

const rounded = (value: number | null): number | null => (value === null ? null : Number(value.toFixed(ENERGY_DIGITS)));

/** Every payload type that we can report, with its unit. */
const REPORTED: Readonly<Record<string, Reported>> = {
  USAGE: {
    units: 'KWH',
    readingType: 'DIRECT_READ',
    value: (facts, ids, span) => rounded(facts.meteredKwh(ids, span)),
  },
  DEMAND: {
    units: 'KW',
    readingType: 'MEAN',
    value: (facts, ids, span) => rounded(facts.meteredKwh(ids, span) / hours(span)),
  },
  BASELINE: {
    units: 'KWH',
    readingType: 'ESTIMATED',
    value: (facts, ids, span) => rounded(facts.baselineKwh(ids, span)),
  },
  DELTA_USAGE: {
    units: 'KWH',
    readingType: 'ESTIMATED',
    value: (facts, ids, span) => rounded(facts.meteredKwh(ids, span) - facts.baselineKwh(ids, span)),
  },
  USAGE_FORECAST: {
    units: 'KWH',
    readingType: 'FORECAST',
    value: (facts, ids, span) => rounded(facts.plannedKwh(ids, span)),
  },
  LOAD_SHED_DELTA_AVAILABLE: {
    units: 'KW',
    readingType: 'FORECAST',
    // All that is planned can be shed at once: the owner's need is met later in the night.
    value: (facts, ids, span) => {
      const plannedKwh = facts.plannedKwh(ids, span);
      return rounded(plannedKwh === null ? null : plannedKwh / hours(span));
    },
  },
  OPERATING_STATE: {
    readingType: 'DIRECT_READ',
    value: (facts, ids, span) => {
      const load = facts.meteredKwh(ids, span) < IDLE_BELOW_KWH ? 'IDLE' : 'RUNNING';
      return `${load}_${facts.isCurtailed(ids, span) ? 'CURTAILED' : 'NORMAL'}`;
    },
  },
  STORAGE_USABLE_CAPACITY: {
    units: 'KWH',
    readingType: 'DIRECT_READ',
    value: (facts, ids) => rounded(facts.storage(ids).usableKwh),
  },
  STORAGE_CHARGE_LEVEL: {
    units: 'PERCENT',
    readingType: 'DIRECT_READ',
    // A share from 0 to 1, whatever the unit's name says.
    value: (facts, ids) => {
      const { usableKwh, storedKwh } = facts.storage(ids);
      return usableKwh === 0 ? null : rounded(storedKwh / usableKwh);
    },
  },
  STORAGE_MAX_CHARGE_POWER: {
    units: 'KW',
    readingType: 'DIRECT_READ',
    value: (facts, ids) => rounded(facts.storage(ids).maxChargeKw),
  },
  // No car gives power back.
  STORAGE_MAX_DISCHARGE_POWER: { units: 'KW', readingType: 'DIRECT_READ', value: () => 0 },
};

/** What stands for a type where a forecast of it is asked for (User Guide 8.8). */
const FORECAST: Readonly<Record<string, string>> = { USAGE: 'USAGE_FORECAST', DEMAND: 'LOAD_SHED_DELTA_AVAILABLE' };

export function canReport(payloadType: string): boolean {
  return Object.hasOwn(REPORTED, payloadType);
}

export interface ReportTask {
  readonly eventId: string;
  readonly clientName: string;
  /** Unique at the server. */
  readonly reportName: string;
  readonly descriptor: WireReportDescriptor;
  readonly window: ReportWindow;
  readonly feederIds: readonly string[];
}

const AGGREGATED = 'AGGREGATED_REPORT';

/**
 * The body of one report: one payload type, since a payload carries no unit. An interval whose value is not known is
 * left out rather than reported as 0.
 */
export function reportBody(
  { eventId, clientName, reportName, descriptor, window, feederIds }: ReportTask,
  facts: ReportFacts,
): ReportBody {
  const forecast = descriptor.historical ? undefined : FORECAST[descriptor.payloadType];
  const reported = REPORTED[forecast ?? descriptor.payloadType];
  if (!reported) throw new Error(`${descriptor.payloadType} is not a type that is reported`);
  const isRead = window.intervals.every((interval) => facts.isWhole(interval));
  const readingType = reported.readingType === 'DIRECT_READ' && !isRead ? 'ESTIMATED' : reported.readingType;
  const first = window.intervals[0] ?? { startMs: window.endMs, endMs: window.endMs };
  const resource = (resourceName: string, ids: readonly string[]): ReportBody['resources'][number] => ({
    resourceName,
    intervalPeriod: wirePeriod({ startMs: first.startMs, endMs: window.endMs }),
    intervals: window.intervals.flatMap((interval) =>
      filled(interval, reported.value(facts, ids, interval), descriptor),
    ),
  });
  return {
    eventID: eventId,
    clientName,
    reportName,
    payloadDescriptors: [
      {
        objectType: 'REPORT_PAYLOAD_DESCRIPTOR',
        payloadType: descriptor.payloadType,
        readingType,
        ...(reported.units !== undefined && { units: reported.units }),
      },
    ],
    resources: descriptor.aggregate ? [resource(AGGREGATED, feederIds)] : feederIds.map((id) => resource(id, [id])),
  };
}

function filled(
  interval: ReportInterval,
  value: number | string | null,
  { payloadType }: WireReportDescriptor,
): ReportBody['resources'][number]['intervals'] {
  if (value === null) return [];
  return [
    { id: interval.id, intervalPeriod: wirePeriod(interval), payloads: [{ type: payloadType, values: [value] }] },
  ];
}

function wirePeriod({ startMs, endMs }: TimeSpan): { start: string; duration: string } {
  return { start: new Date(startMs).toISOString(), duration: `PT${(endMs - startMs) / 1000}S` };
}
