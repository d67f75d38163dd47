import { connect } from 'mqtt';
import type { Logger } from 'pino';
import { ApiClient } from '../api/client/apiClient.ts';
import { agentSettingsSchema, carKeySchema, type AgentSettingsWire } from '../api/wire/agents.ts';
import { modelOrderLinkOver, setpointLinkOver, shedLinkOver } from '../car/agent/setpointLink.ts';
import type { VehicleAgentOptions } from '../car/agent/vehicleAgent.ts';
import { openSliceByAccess } from '../car/shard/openSlices.ts';
import { topics } from '../domain/names.ts';
import type { Clock } from '../domain/clock.ts';

const RECONNECT_EVERY_MS = 2_000;

/** What a car proves itself with, and where: all that an agent is given. */
export interface CarCredentials {
  readonly apiUrl: string;
  readonly carId: string;
  readonly key: string;
}

/** Exchanges a single-use code for the car's key. @throws NightshiftError as the API answers, or `unavailable` */
export async function exchangeCode(apiUrl: string, code: string): Promise<{ carId: string; key: string }> {
  const answer = carKeySchema.parse(await new ApiClient(apiUrl, '').json('POST', '/cars/v1/keys', { code }));
  return { carId: answer.car_id, key: answer.key };
}

/** @throws NightshiftError `unauthorized` when the key is not a car's, or `unavailable` */
export async function readAgentSettings({ apiUrl, key }: CarCredentials): Promise<AgentSettingsWire> {
  return agentSettingsSchema.parse(await new ApiClient(apiUrl, key).json('GET', '/cars/v1/settings'));
}

/** An agent's ways out of its car, each by the car's own key. */
export interface CarDoors extends Pick<
  VehicleAgentOptions,
  'temporal' | 'setpoints' | 'sheds' | 'modelOrders' | 'tellFetched' | 'answerProfile' | 'openSlice' | 'clock'
> {
  /** Says something on one of the car's own topics, when the broker is in reach. */
  publish(topic: string, payload: unknown): Promise<void>;
  /** host:port */
  readonly gatewayAddress: string;
  close(): Promise<void>;
}

/** The door to the fleet's gateway; it connects when it is used. */
export function temporalDoor({ key }: CarCredentials, { gateway }: AgentSettingsWire): CarDoors['temporal'] {
  return {
    options: {
      address: gateway.address,
      tls: gateway.tls,
      metadata: { authorization: `Bearer ${key}` },
      // What goes over it is smaller than a packet: compressing it would cost car and gateway more than the network.
      grpcCompression: { codec: 'none' },
    },
    namespace: gateway.namespace,
  };
}

/**
 * Opens the doors that the settings name; they connect again whenever they have to.
 * @param presence an id for this run, where the agent's own connection says that the computer is in reach
 */
export function openCarDoors(
  credentials: CarCredentials,
  settings: AgentSettingsWire,
  log: Logger,
  presence?: string,
): CarDoors {
  const { carId, key } = credentials;
  const { gateway, mqtt_url: mqttUrl } = settings;
  const mqtt = connect(mqttUrl, {
    clientId: `car-${carId}`,
    username: carId,
    password: key,
    protocolVersion: 4,
    reconnectPeriod: RECONNECT_EVERY_MS,
    ...(presence !== undefined && {
      will: {
        topic: topics.agentConnectivity(carId),
        payload: presencePayload(presence, false),
        qos: 1,
        retain: false,
      },
    }),
  });
  // Without a listener, a refused connection ends the process.
  mqtt.on('error', (error) => log.warn({ err: error }, 'the broker refuses the car'));
  const publish = async (topic: string, payload: unknown): Promise<void> =>
    void (await mqtt.publishAsync(topic, JSON.stringify(payload), { qos: 1 }));
  return {
    publish,
    tellFetched: (fetched) => publish(topics.fetchedModel(carId), fetched),
    answerProfile: (answered) => publish(topics.answered(carId), answered),
    gatewayAddress: gateway.address,
    temporal: temporalDoor(credentials, settings),
    setpoints: setpointLinkOver(mqtt),
    sheds: shedLinkOver(mqtt),
    modelOrders: modelOrderLinkOver(mqtt),
    openSlice: openSliceByAccess,
    clock: clockOf(settings),
    close: () => mqtt.endAsync(true),
  };
}

/** What an agent says of its own connection, in the form of telemetry's. */
export function presenceOf(connectionId: string, isConnected: boolean) {
  const now = new Date().toISOString();
  return { ConnectionId: connectionId, Status: isConnected ? 'CONNECTED' : 'DISCONNECTED', CreatedAt: now };
}

function presencePayload(connectionId: string, isConnected: boolean): Buffer {
  return Buffer.from(JSON.stringify(presenceOf(connectionId, isConnected)));
}

export function clockOf({ clock }: AgentSettingsWire): Clock {
  return { originMs: clock.origin_ms, anchorMs: clock.anchor_ms, scale: clock.scale };
}
