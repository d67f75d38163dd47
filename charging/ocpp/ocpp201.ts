import { z } from 'zod';
import {
  ALIGNED_SECONDS,
  clockOf,
  failSafeSchedule,
  HEARTBEAT_SECONDS,
  inOrder,
  iso,
  meterReaction,
  OWN_ID_TOKEN,
  PROFILE_ID,
  SAMPLE_SECONDS,
  scheduleBody,
  STACK_LEVEL,
  timestampSchema,
  type Dialect,
  type OcppCall,
  type Reaction,
} from './dialect.ts';
import { meterSample, sampled201Schema } from './sampledValues.ts';
import type { ConnectorEvent, ConnectorState } from './connector.ts';

/** OCPP 2.0.1, edition 2. A charging station is served as one plug: its EVSE 1. */
const EVSE = 1;

const meterValuesSchema = z.array(z.object({ timestamp: timestampSchema, sampledValue: z.array(sampled201Schema) }));
const statusSchema = z.object({
  evseId: z.number(),
  connectorStatus: z.string(),
  timestamp: timestampSchema.optional(),
});
const meterSchema = z.object({ evseId: z.number(), meterValue: meterValuesSchema });
const transactionSchema = z.object({
  eventType: z.enum(['Started', 'Updated', 'Ended']),
  timestamp: timestampSchema,
  transactionInfo: z.object({ transactionId: z.string(), chargingState: z.string().optional() }),
  evse: z.object({ id: z.number() }).optional(),
  idToken: z.object({ idToken: z.string() }).optional(),
  meterValue: meterValuesSchema.default([]),
});

const ACCEPTED = { idTokenInfo: { status: 'Accepted' } };

function react(method: string, params: unknown, { nowRealMs }: { readonly nowRealMs: number }): Reaction | undefined {
  switch (method) {
    case 'BootNotification':
      return {
        response: { status: 'Accepted', currentTime: iso(nowRealMs), interval: HEARTBEAT_SECONDS },
        events: [{ kind: 'connected' }],
      };
    case 'Heartbeat':
      return { response: { currentTime: iso(nowRealMs) }, events: [] };
    case 'Authorize':
      return { response: ACCEPTED, events: [] };
    case 'StatusNotification':
      return status(params);
    case 'TransactionEvent':
      return transaction(params);
    case 'MeterValues':
      return meter(params);
    case 'DataTransfer':
      return { response: { status: 'UnknownVendorId' }, events: [] };
    case 'FirmwareStatusNotification':
    case 'LogStatusNotification':
    case 'SecurityEventNotification':
    case 'NotifyEvent':
    case 'NotifyReport':
    case 'NotifyMonitoringReport':
    case 'NotifyChargingLimit':
    case 'ReportChargingProfiles':
    case 'ClearedChargingLimit':
    case 'ReservationStatusUpdate':
      return { response: {}, events: [] };
    default:
      return undefined;
  }
}

function status(params: unknown): Reaction {
  const { data } = statusSchema.safeParse(params);
  if (data?.evseId !== EVSE) return { response: {}, events: [] };
  // "Occupied" says that a plug is in; whether it charges is said by the transaction.
  const said = PLUGS[data.connectorStatus] ?? 'unknown';
  const event: ConnectorEvent = { kind: 'status', plug: said, isCharging: said === 'plugged' ? null : false };
  return { response: {}, events: [event], ...clockOf(data.timestamp) };
}

const PLUGS: Readonly<Record<string, ConnectorState['plug']>> = {
  Available: 'unplugged',
  Reserved: 'unplugged',
  Occupied: 'plugged',
};

function transaction(params: unknown): Reaction {
  const { data } = transactionSchema.safeParse(params);
  if (!data || (data.evse !== undefined && data.evse.id !== EVSE)) return { response: {}, events: [] };
  const { eventType, transactionInfo, idToken, meterValue } = data;
  const { transactionId, chargingState } = transactionInfo;
  const values = inOrder(meterValue).map((each) => meterSample(each.sampledValue));
  const samples = values.map((sample): ConnectorEvent => ({ kind: 'metered', sample }));
  const registerWh = values.findLast((sample) => sample.registerWh !== null)?.registerWh ?? null;
  const events: ConnectorEvent[] =
    eventType === 'Ended'
      ? [...samples, { kind: 'ended', transactionId, registerWh }]
      : [
          ...(eventType === 'Started'
            ? [
                {
                  kind: 'started',
                  transaction: { id: transactionId, idToken: idToken?.idToken ?? null },
                  registerWh: values[0]?.registerWh ?? null,
                } as const,
              ]
            : []),
          ...(chargingState === undefined
            ? []
            : [{ kind: 'status', plug: plugOf(chargingState), isCharging: chargingState === 'Charging' } as const]),
          ...samples,
        ];
  return { response: idToken ? ACCEPTED : {}, events, ...clockOf(data.timestamp) };
}

/** `Idle`: a transaction without a cable, such as one that was authorised ahead. */
function plugOf(chargingState: string): 'plugged' | 'unknown' {
  return chargingState === 'Idle' ? 'unknown' : 'plugged';
}

function meter(params: unknown): Reaction {
  const { data } = meterSchema.safeParse(params);
  if (data?.evseId !== EVSE) return { response: {}, events: [] };
  return meterReaction(data.meterValue);
}

const setVariable = (component: string, variable: string, attributeValue: string): OcppCall => ({
  method: 'SetVariables',
  params: { setVariableData: [{ component: { name: component }, variable: { name: variable }, attributeValue }] },
});

export const ocpp201: Dialect = {
  protocol: 'ocpp2.0.1',
  react,
  setUp: [
    setVariable('SampledDataCtrlr', 'TxUpdatedMeasurands', 'Energy.Active.Import.Register,Power.Active.Import'),
    setVariable('SampledDataCtrlr', 'TxUpdatedInterval', String(SAMPLE_SECONDS)),
    setVariable('AlignedDataCtrlr', 'Measurands', 'Energy.Active.Import.Register'),
    setVariable('AlignedDataCtrlr', 'Interval', String(ALIGNED_SECONDS)),
    {
      method: 'TriggerMessage',
      params: { requestedMessage: 'StatusNotification', evse: { id: EVSE, connectorId: 1 } },
    },
    { method: 'TriggerMessage', params: { requestedMessage: 'TransactionEvent', evse: { id: EVSE } } },
    { method: 'TriggerMessage', params: { requestedMessage: 'MeterValues', evse: { id: EVSE } } },
  ],
  failSafe: (limitAmps, phases) => ({
    method: 'SetChargingProfile',
    params: {
      evseId: EVSE,
      chargingProfile: {
        id: PROFILE_ID.failSafe,
        stackLevel: STACK_LEVEL.TxDefaultProfile,
        chargingProfilePurpose: 'TxDefaultProfile',
        chargingProfileKind: 'Relative',
        chargingSchedule: [{ id: PROFILE_ID.failSafe, ...failSafeSchedule(limitAmps, phases) }],
      },
    },
  }),
  schedule: (schedule, purpose, transactionNow, supply) => ({
    method: 'SetChargingProfile',
    params: {
      evseId: EVSE,
      chargingProfile: {
        id: PROFILE_ID[purpose],
        stackLevel: STACK_LEVEL.TxProfile,
        chargingProfilePurpose: purpose,
        chargingProfileKind: 'Absolute',
        ...(purpose === 'TxProfile' && transactionNow ? { transactionId: transactionNow.id } : {}),
        validTo: iso(schedule.endRealMs + supply.clockAheadMs),
        chargingSchedule: [{ id: PROFILE_ID[purpose], ...scheduleBody(schedule, supply) }],
      },
    },
  }),
  start: () => ({
    method: 'RequestStartTransaction',
    params: { evseId: EVSE, remoteStartId: 1, idToken: { idToken: OWN_ID_TOKEN, type: 'Central' } },
  }),
  stop: ({ id }) => ({ method: 'RequestStopTransaction', params: { transactionId: id } }),
};
