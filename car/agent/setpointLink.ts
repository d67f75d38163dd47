import type { MqttClient } from 'mqtt';
import { topics } from '../../domain/names.ts';

/** How messages of one kind, setpoints, shed orders or model orders, reach the agent. */
export interface SetpointLink {
  /** Calls the listener with each message of the car's topic. @returns how to stop that */
  listen(vehicleId: string, listener: (payload: string) => void): Promise<() => void>;
}

/** Setpoints over MQTT. Agents of one process may share the client. */
export function setpointLinkOver(client: MqttClient): SetpointLink {
  return linkOver(client, topics.setpoints);
}

/** Shed orders over MQTT. */
export function shedLinkOver(client: MqttClient): SetpointLink {
  return linkOver(client, topics.shed);
}

/** Model orders over MQTT. */
export function modelOrderLinkOver(client: MqttClient): SetpointLink {
  return linkOver(client, topics.models);
}

function linkOver(client: MqttClient, topicOf: (vehicleId: string) => string): SetpointLink {
  const listeners = new Map<string, (payload: string) => void>();
  client.on('message', (topic, payload) => listeners.get(topic)?.(payload.toString('utf8')));
  return {
    listen: async (vehicleId, listener) => {
      const topic = topicOf(vehicleId);
      listeners.set(topic, listener);
      // Without a connection this fails, and the client makes it up at the next one.
      await client.subscribeAsync(topic, { qos: 1 }).catch(() => undefined);
      return () => {
        listeners.delete(topic);
        // Without a connection it is carried out later; nobody waits for it.
        client.unsubscribe(topic);
      };
    },
  };
}
