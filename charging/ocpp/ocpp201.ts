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
  plugOfTransaction,
  profileId,
  SAMPLE_SECONDS,
  scheduleBody,
  STACK_LEVEL,
  timestampSchema,
  type Dialect,
  type OcppCall,
  type Reaction,
  type ReactionContext,
} from './dialect.ts';
import { meterSample, sampled201Schema } from './sampledValues.ts';
import type { ConnectorEvent, ConnectorState } from './connector.ts';

/** OCPP 2.0.1, edition 2. Each EVSE is a plug, whichever of its connectors is used; EVSE 0 is the station as a whole. */

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

function react(method: string, params: unknown, context: ReactionContext): Reaction | undefined {
  const { nowRealMs } = context;
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
      return transaction(params, context);
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
  if (!data || data.evseId === 0) return { response: {}, events: [] };
  // "Occupied" says that a plug is in; whether it charges is said by the transaction.
  const said = PLUGS[data.connectorStatus] ?? 'unknown';
  const event: ConnectorEvent = { kind: 'status', plug: said, isCharging: said === 'plugged' ? null : false };
  return { response: {}, plug: data.evseId, events: [event], ...clockOf(data.timestamp) };
}

const PLUGS: Readonly<Record<string, ConnectorState['plug']>> = {
  Available: 'unplugged',
  Reserved: 'unplugged',
  Occupied: 'plugged',
};

function transaction(params: unknown, context: ReactionContext): Reaction {
  const { data } = transactionSchema.safeParse(params);
  if (!data) return { response: {}, events: [] };
  const { eventType, transactionInfo, idToken, meterValue } = data;
  const { transactionId, chargingState } = transactionInfo;
  // Named when the car is at it; later messages may leave it out.
  const plug = data.evse?.id ?? plugOfTransaction(context, transactionId);
  if (plug === undefined) return { response: idToken ? ACCEPTED : {}, events: [] };
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
  return { response: idToken ? ACCEPTED : {}, plug, events, ...clockOf(data.timestamp) };
}

/** `Idle`: a transaction without a cable, such as one that was authorised ahead. */
function plugOf(chargingState: string): 'plugged' | 'unknown' {
  return chargingState === 'Idle' ? 'unknown' : 'plugged';
}

function meter(params: unknown): Reaction {
  const { data } = meterSchema.safeParse(params);
  if (!data || data.evseId === 0) return { response: {}, events: [] };
  return meterReaction(data.evseId, data.meterValue);
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
  ],
  ask: (id) => [
    { method: 'TriggerMessage', params: { requestedMessage: 'StatusNotification', evse: { id, connectorId: 1 } } },
    { method: 'TriggerMessage', params: { requestedMessage: 'TransactionEvent', evse: { id } } },
    { method: 'TriggerMessage', params: { requestedMessage: 'MeterValues', evse: { id } } },
  ],
  failSafe: (evseId, limitAmps, phases) => ({
    method: 'SetChargingProfile',
    params: {
      evseId,
      chargingProfile: {
        id: profileId(evseId, 'failSafe'),
        stackLevel: STACK_LEVEL.TxDefaultProfile,
        chargingProfilePurpose: 'TxDefaultProfile',
        chargingProfileKind: 'Relative',
        chargingSchedule: [{ id: profileId(evseId, 'failSafe'), ...failSafeSchedule(limitAmps, phases) }],
      },
    },
  }),
  schedule: (evseId, schedule, purpose, transactionNow, supply) => ({
    method: 'SetChargingProfile',
    params: {
      evseId,
      chargingProfile: {
        id: profileId(evseId, purpose),
        stackLevel: STACK_LEVEL.TxProfile,
        chargingProfilePurpose: purpose,
        chargingProfileKind: 'Absolute',
        ...(purpose === 'TxProfile' && transactionNow ? { transactionId: transactionNow.id } : {}),
        validTo: iso(schedule.endRealMs + supply.clockAheadMs),
        chargingSchedule: [{ id: profileId(evseId, purpose), ...scheduleBody(schedule, supply) }],
      },
    },
  }),
  start: (evseId) => ({
    method: 'RequestStartTransaction',
    params: { evseId, remoteStartId: evseId, idToken: { idToken: OWN_ID_TOKEN, type: 'Central' } },
  }),
  stop: ({ id }) => ({ method: 'RequestStopTransaction', params: { transactionId: id } }),
};
