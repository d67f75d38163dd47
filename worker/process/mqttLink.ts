import { randomUUID } from 'node:crypto';
import { connect, type MqttClient } from 'mqtt';
import type { Logger } from 'pino';
import type { VehicleLink } from '../../charging/vehicleLink.ts';

const RECONNECT_EVERY_MS = 500;

/**
 * A client that keeps connecting to the broker (MQTT 3.1.1) and holds back what is published meanwhile. It does not
 * wait for the first connection: the broker may live in a process that waits for this one.
 * @param role begins the client id; two clients of one id would cut each other off for ever
 */
export function openMqtt(url: string, role: string, logger: Logger): MqttClient {
  const clientId = `${role}-${randomUUID()}`;
  const client = connect(url, { clientId, protocolVersion: 4, reconnectPeriod: RECONNECT_EVERY_MS });
  // Without a listener, a refused connection ends the process.
  client.on('error', (error) => logger.warn({ err: error }, 'MQTT connection failed'));
  return client;
}

/**
 * A client that is still to be connected, so that nothing is lost that the broker has kept for it. It comes back under the
 * same id to the same session; whoever else had the id is cut off.
 */
export function mqttSession(url: string, clientId: string, logger: Logger): MqttClient {
  const client = connect(url, {
    clientId,
    clean: false,
    protocolVersion: 4,
    reconnectPeriod: RECONNECT_EVERY_MS,
    manualConnect: true,
  });
  client.on('error', (error) => logger.warn({ err: error }, 'MQTT connection failed'));
  return client;
}

/** Messages to cars are QoS 1: a setpoint that is lost would leave a car on its fail-safe. */
export function vehicleLinkOver(client: MqttClient): VehicleLink {
  return {
    publish: async (topic, payload, { retain }) => {
      await client.publishAsync(topic, JSON.stringify(payload), { qos: 1, retain });
    },
    withdraw: async (topic) => {
      await client.publishAsync(topic, '', { qos: 1, retain: true });
    },
  };
}
