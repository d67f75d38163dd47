import { z } from 'zod';

import { parseJson } from '../../domain/json.ts';
import { fetchedModelSchema, type FetchedModel } from '../../domain/modelOrders.ts';
import { topics } from '../../domain/names.ts';
import type { Position } from '../../domain/site.ts';
import { isStorableText } from '../../domain/storableText.ts';
import {
  answeredProfileSchema,
  meterReadingSchema,
  type AnsweredProfile,
  type MeterReading,
} from '../../domain/setpoints.ts';
import type { FusionInput } from './fusion.ts';
import { isFieldName, parseField, positionOf } from './parseField.ts';

/** What a message says. */
export type TelemetryMessage =
  | { readonly kind: 'telemetry'; readonly vehicleId: string; readonly input: FusionInput }
  /** Null: it does not know where it is. */
  | {
      readonly kind: 'position';
      readonly vehicleId: string;
      readonly position: Position | null;
      readonly retained: boolean;
    }
  | { readonly kind: 'meter'; readonly vehicleId: string; readonly reading: MeterReading }
  | { readonly kind: 'fetched'; readonly vehicleId: string; readonly fetched: FetchedModel }
  | { readonly kind: 'answered'; readonly vehicleId: string; readonly answered: AnsweredProfile }
  /** A field that we do not read. */
  | { readonly kind: 'ignored' }
  | { readonly kind: 'unreadable' };

const MAX_PAYLOAD_BYTES = 16 * 1024;

const connectivitySchema = z.object({
  // PostgreSQL would refuse the state that has it.
  ConnectionId: z.string().min(1).max(128).refine(isStorableText),
  Status: z.enum(['CONNECTED', 'DISCONNECTED', 'UNKNOWN']).catch('UNKNOWN'),
});

/** What to subscribe to. `base` is the dispatcher's topic base. */
export function ingressTopics(base: string): string[] {
  return [
    topics.telemetryField(base, '+', '+'),
    topics.connectivity(base, '+'),
    topics.agentConnectivity('+'),
    topics.meter('+'),
    topics.fetchedModel('+'),
    topics.answered('+'),
  ];
}

/** Reads one message by its topic. */
export function readMessage(base: string, topic: string, payload: Buffer, retained: boolean): TelemetryMessage {
  if (payload.byteLength > MAX_PAYLOAD_BYTES) return { kind: 'unreadable' };
  const text = payload.toString('utf8');
  const [, meterVehicleId] = /^nightshift\/([^/]+)\/meter$/.exec(topic) ?? [];
  if (meterVehicleId !== undefined) {
    const reading = meterReadingSchema.safeParse(parseJson(text));
    return reading.success
      ? { kind: 'meter', vehicleId: meterVehicleId, reading: reading.data }
      : { kind: 'unreadable' };
  }
  const [, fetchingVehicleId] = /^nightshift\/([^/]+)\/fetched-model$/.exec(topic) ?? [];
  if (fetchingVehicleId !== undefined) {
    const fetched = fetchedModelSchema.safeParse(parseJson(text));
    return fetched.success
      ? { kind: 'fetched', vehicleId: fetchingVehicleId, fetched: fetched.data }
      : { kind: 'unreadable' };
  }
  const [, answeringVehicleId] = /^nightshift\/([^/]+)\/answered$/.exec(topic) ?? [];
  if (answeringVehicleId !== undefined) {
    const answered = answeredProfileSchema.safeParse(parseJson(text));
    return answered.success
      ? { kind: 'answered', vehicleId: answeringVehicleId, answered: answered.data }
      : { kind: 'unreadable' };
  }
  const [, agentVehicleId] = /^nightshift\/([^/]+)\/connectivity$/.exec(topic) ?? [];
  if (agentVehicleId !== undefined) return connectivityOf(agentVehicleId, text, retained);
  const [vehicleId = '', kind, name = ''] = topic.startsWith(`${base}/`) ? topic.slice(base.length + 1).split('/') : [];
  if (kind === 'connectivity') return connectivityOf(vehicleId, text, retained);
  if (kind !== 'v' || !isFieldName(name)) return { kind: 'ignored' };
  if (name === 'Location') return { kind: 'position', vehicleId, position: positionOf(text), retained };
  return { kind: 'telemetry', vehicleId, input: { kind: 'field', name, value: parseField(name, text), retained } };
}

function connectivityOf(vehicleId: string, text: string, retained: boolean): TelemetryMessage {
  const parsed = connectivitySchema.safeParse(parseJson(text));
  if (!parsed.success) return { kind: 'unreadable' };
  const { ConnectionId: connectionId, Status: status } = parsed.data;
  return { kind: 'telemetry', vehicleId, input: { kind: 'connectivity', connectionId, status, retained } };
}
