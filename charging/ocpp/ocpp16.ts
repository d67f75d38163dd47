import { z } from 'zod';
import {
  ALIGNED_SECONDS,
  clockOf,
  failSafeSchedule,
  HEARTBEAT_SECONDS,
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
import { sampled16Schema } from './sampledValues.ts';
import type { ConnectorEvent, ConnectorState } from './connector.ts';

/** OCPP-J 1.6, edition 2. Each connector is a plug; connector 0 is the charge point as a whole. */

const STATUSES: Readonly<Record<string, { plug: ConnectorState['plug']; isCharging: boolean }>> = {
  Available: { plug: 'unplugged', isCharging: false },
  Reserved: { plug: 'unplugged', isCharging: false },
  Preparing: { plug: 'plugged', isCharging: false },
  Charging: { plug: 'plugged', isCharging: true },
  SuspendedEV: { plug: 'plugged', isCharging: false },
  SuspendedEVSE: { plug: 'plugged', isCharging: false },
  Finishing: { plug: 'plugged', isCharging: false },
  Unavailable: { plug: 'unknown', isCharging: false },
  Faulted: { plug: 'unknown', isCharging: false },
};

const statusSchema = z.object({ connectorId: z.number(), status: z.string(), timestamp: timestampSchema.optional() });
const startSchema = z.object({
  connectorId: z.number(),
  idTag: z.string(),
  meterStart: z.number(),
  timestamp: timestampSchema,
});
const stopSchema = z.object({ transactionId: z.number(), meterStop: z.number(), timestamp: timestampSchema });
const meterSchema = z.object({
  connectorId: z.number(),
  meterValue: z.array(z.object({ timestamp: timestampSchema, sampledValue: z.array(sampled16Schema) })),
});

const ACCEPTED = { idTagInfo: { status: 'Accepted' } };

function react(method: string, params: unknown, context: ReactionContext): Reaction | undefined {
  switch (method) {
    case 'BootNotification':
      return {
        response: { status: 'Accepted', currentTime: iso(context.nowRealMs), interval: HEARTBEAT_SECONDS },
        events: [{ kind: 'connected' }],
      };
    case 'Heartbeat':
      return { response: { currentTime: iso(context.nowRealMs) }, events: [] };
    case 'Authorize':
      return { response: ACCEPTED, events: [] };
    case 'StatusNotification':
      return status(params);
    case 'StartTransaction':
      return start(params, context);
    case 'StopTransaction':
      return stop(params, context);
    case 'MeterValues':
      return meter(params);
    case 'DataTransfer':
      return { response: { status: 'UnknownVendorId' }, events: [] };
    case 'FirmwareStatusNotification':
    case 'DiagnosticsStatusNotification':
    case 'SecurityEventNotification':
    case 'LogStatusNotification':
    case 'SignedFirmwareStatusNotification':
      return { response: {}, events: [] };
    default:
      return undefined;
  }
}

function status(params: unknown): Reaction {
  const { data } = statusSchema.safeParse(params);
  const said = data && data.connectorId > 0 ? STATUSES[data.status] : undefined;
  return {
    response: {},
    plug: data?.connectorId,
    events: said ? [{ kind: 'status', ...said }] : [],
    ...clockOf(data?.timestamp),
  };
}

function start(params: unknown, { transactions, nowRealMs }: ReactionContext): Reaction {
  const { data } = startSchema.safeParse(params);
  if (!data) return { response: { transactionId: 0, ...ACCEPTED }, events: [] };
  const { connectorId: plug, meterStart: registerWh, idTag } = data;
  const transaction = transactions.get(plug) ?? null;
  // Sent again when the answer was lost: the transaction keeps the number that it has.
  const known = transaction !== null && transaction.idToken === idTag ? Number(transaction.id) : undefined;
  const highest = Math.max(0, ...[...transactions.values()].map((each) => Number(each?.id ?? 0)));
  const transactionId = known ?? Math.max(secondsSince2026(nowRealMs), 1 + highest);
  const started: ConnectorEvent = {
    kind: 'started',
    transaction: { id: String(transactionId), idToken: idTag },
    registerWh,
  };
  return { response: { transactionId, ...ACCEPTED }, plug, events: [started], ...clockOf(data.timestamp) };
}

/** Numbers transactions of one charge point: they must fit into 32 bits, and differ also after a restart of ours. */
function secondsSince2026(realMs: number): number {
  return Math.floor((realMs - Date.UTC(2026, 0)) / 1000);
}

function stop(params: unknown, context: ReactionContext): Reaction {
  const { data } = stopSchema.safeParse(params);
  if (!data) return { response: {}, events: [] };
  const transactionId = String(data.transactionId);
  const ended: ConnectorEvent = { kind: 'ended', transactionId, registerWh: data.meterStop };
  const plug = plugOfTransaction(context, transactionId);
  return { response: {}, plug, events: plug === undefined ? [] : [ended], ...clockOf(data.timestamp) };
}

function meter(params: unknown): Reaction {
  const { data } = meterSchema.safeParse(params);
  // Values of connector 0 are the whole charge point's, its own consumption included.
  if (!data || data.connectorId === 0) return { response: {}, events: [] };
  return meterReaction(data.connectorId, data.meterValue);
}

const configure = (key: string, value: string): OcppCall => ({
  method: 'ChangeConfiguration',
  params: { key, value },
});

export const ocpp16: Dialect = {
  protocol: 'ocpp1.6',
  react,
  setUp: [
    configure('MeterValuesSampledData', 'Energy.Active.Import.Register,Power.Active.Import'),
    configure('MeterValueSampleInterval', String(SAMPLE_SECONDS)),
    configure('MeterValuesAlignedData', 'Energy.Active.Import.Register'),
    configure('ClockAlignedDataInterval', String(ALIGNED_SECONDS)),
  ],
  ask: (connectorId) =>
    (['StatusNotification', 'MeterValues'] as const).map((requestedMessage) => ({
      method: 'TriggerMessage',
      params: { requestedMessage, connectorId },
    })),
  failSafe: (connectorId, limitAmps, phases) => ({
    method: 'SetChargingProfile',
    params: {
      connectorId,
      csChargingProfiles: {
        chargingProfileId: profileId(connectorId, 'failSafe'),
        stackLevel: STACK_LEVEL.TxDefaultProfile,
        chargingProfilePurpose: 'TxDefaultProfile',
        chargingProfileKind: 'Relative',
        chargingSchedule: failSafeSchedule(limitAmps, phases),
      },
    },
  }),
  schedule: (connectorId, schedule, purpose, transaction, supply) => ({
    method: 'SetChargingProfile',
    params: {
      connectorId,
      csChargingProfiles: {
        chargingProfileId: profileId(connectorId, purpose),
        stackLevel: STACK_LEVEL.TxProfile,
        chargingProfilePurpose: purpose,
        chargingProfileKind: 'Absolute',
        ...(purpose === 'TxProfile' && transaction ? { transactionId: Number(transaction.id) } : {}),
        validTo: iso(schedule.endRealMs + supply.clockAheadMs),
        chargingSchedule: scheduleBody(schedule, supply),
      },
    },
  }),
  start: (connectorId) => ({ method: 'RemoteStartTransaction', params: { connectorId, idTag: OWN_ID_TOKEN } }),
  stop: ({ id }) => ({ method: 'RemoteStopTransaction', params: { transactionId: Number(id) } }),
};
