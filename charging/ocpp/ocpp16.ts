import { z } from 'zod';
import {
  ALIGNED_SECONDS,
  clockOf,
  failSafeSchedule,
  HEARTBEAT_SECONDS,
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
  type ReactionContext,
} from './dialect.ts';
import { sampled16Schema } from './sampledValues.ts';
import type { ConnectorEvent, ConnectorState } from './connector.ts';

/** OCPP-J 1.6, edition 2. A charge point is served as one plug: its connector 1. */
const CONNECTOR = 1;

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
      return stop(params);
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
  const said = data?.connectorId === CONNECTOR ? STATUSES[data.status] : undefined;
  return { response: {}, events: said ? [{ kind: 'status', ...said }] : [], ...clockOf(data?.timestamp) };
}

function start(params: unknown, { transaction, nowRealMs }: ReactionContext): Reaction {
  const { data } = startSchema.safeParse(params);
  if (data?.connectorId !== CONNECTOR) return { response: { transactionId: 0, ...ACCEPTED }, events: [] };
  const { meterStart: registerWh, idTag } = data;
  // Sent again when the answer was lost: the transaction keeps the number that it has.
  const known = transaction !== null && transaction.idToken === idTag ? Number(transaction.id) : undefined;
  const transactionId = known ?? Math.max(secondsSince2026(nowRealMs), 1 + Number(transaction?.id ?? 0));
  const started: ConnectorEvent = {
    kind: 'started',
    transaction: { id: String(transactionId), idToken: idTag },
    registerWh,
  };
  return { response: { transactionId, ...ACCEPTED }, events: [started], ...clockOf(data.timestamp) };
}

/** Numbers transactions of one charge point: they must fit into 32 bits, and differ also after a restart of ours. */
function secondsSince2026(realMs: number): number {
  return Math.floor((realMs - Date.UTC(2026, 0)) / 1000);
}

function stop(params: unknown): Reaction {
  const { data } = stopSchema.safeParse(params);
  if (!data) return { response: {}, events: [] };
  const ended: ConnectorEvent = {
    kind: 'ended',
    transactionId: String(data.transactionId),
    registerWh: data.meterStop,
  };
  return { response: {}, events: [ended], ...clockOf(data.timestamp) };
}

function meter(params: unknown): Reaction {
  const { data } = meterSchema.safeParse(params);
  // Values of connector 0 are the whole charge point's, its own consumption included.
  if (data?.connectorId !== CONNECTOR) return { response: {}, events: [] };
  return meterReaction(data.meterValue);
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
    { method: 'TriggerMessage', params: { requestedMessage: 'StatusNotification', connectorId: CONNECTOR } },
    { method: 'TriggerMessage', params: { requestedMessage: 'MeterValues', connectorId: CONNECTOR } },
  ],
  failSafe: (limitAmps, phases) => ({
    method: 'SetChargingProfile',
    params: {
      connectorId: CONNECTOR,
      csChargingProfiles: {
        chargingProfileId: PROFILE_ID.failSafe,
        stackLevel: STACK_LEVEL.TxDefaultProfile,
        chargingProfilePurpose: 'TxDefaultProfile',
        chargingProfileKind: 'Relative',
        chargingSchedule: failSafeSchedule(limitAmps, phases),
      },
    },
  }),
  schedule: (schedule, purpose, transaction, supply) => ({
    method: 'SetChargingProfile',
    params: {
      connectorId: CONNECTOR,
      csChargingProfiles: {
        chargingProfileId: PROFILE_ID[purpose],
        stackLevel: STACK_LEVEL.TxProfile,
        chargingProfilePurpose: purpose,
        chargingProfileKind: 'Absolute',
        ...(purpose === 'TxProfile' && transaction ? { transactionId: Number(transaction.id) } : {}),
        validTo: iso(schedule.endRealMs + supply.clockAheadMs),
        chargingSchedule: scheduleBody(schedule, supply),
      },
    },
  }),
  start: () => ({ method: 'RemoteStartTransaction', params: { connectorId: CONNECTOR, idTag: OWN_ID_TOKEN } }),
  stop: ({ id }) => ({ method: 'RemoteStopTransaction', params: { transactionId: Number(id) } }),
};
