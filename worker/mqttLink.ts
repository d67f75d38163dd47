import { connectAsync, type MqttClient } from 'mqtt';
import type { VehicleLink } from '../activities/plan/planActivities.ts';
import { untilAnswered } from './untilAnswered.ts';

/** Connects to the broker (MQTT 3.1.1) and stays connected: a broker that restarts is found again. */
export function connectMqtt(url: string, clientId: string): Promise<MqttClient> {
  return untilAnswered('MQTT', () =>
    connectAsync(url, { clientId, protocolVersion: 4, reconnectPeriod: 500, connectTimeout: 5000 }, false),
  );
}

/** Messages to cars are QoS 1: a setpoint that is lost would leave a car on its fail-safe. */
export function vehicleLinkOver(client: MqttClient): VehicleLink {
  return {
    publish: async (topic, payload, { retain }) => {
      await client.publishAsync(topic, JSON.stringify(payload), { qos: 1, retain });
    },
  };
}
