import type { OpenAdrSecrets } from '../../../domain/openAdr.ts';
import type { MqttOffer } from './openAdrActivities.ts';
import type { VtnClient } from './vtnClient.ts';
import { VtnError } from './vtnError.ts';
import { readWire, wireNotifiersSchema, wireTopicsSchema } from './wire.ts';

/**
 * Where the server tells of changes over MQTT.
 * @returns the offer, or in words why there is none: polling goes on either way
 */
export async function mqttOffer(
  client: VtnClient,
  venId: string | null,
  { client: credentials }: OpenAdrSecrets,
): Promise<MqttOffer | string> {
  try {
    const notifiers = readWire(wireNotifiersSchema, await client.get('notifiers'));
    const binding = 'read' in notifiers ? notifiers.read.MQTT : undefined;
    if (!binding) return 'not offered';
    const path = `notifiers/mqtt/topics/${venId === null ? '' : `vens/${venId}/`}events`;
    const topics = readWire(wireTopicsSchema, await client.get(path));
    if ('problem' in topics) return topics.problem;
    const { method, username, caCert, clientCert, clientKey } = binding.authentication;
    const isOAuth = method === 'OAUTH2_BEARER_TOKEN';
    const { ALL, ...single } = topics.read.topics;
    return {
      uris: binding.URIS,
      topics: ALL === undefined ? Object.values(single) : [ALL],
      username: isOAuth ? username?.replace('{clientID}', credentials?.id ?? '') : undefined,
      password: isOAuth ? await client.token() : undefined,
      tls: {
        ...(caCert !== undefined && { ca: caCert }),
        ...(clientCert !== undefined && { cert: clientCert }),
        ...(clientKey !== undefined && { key: clientKey }),
      },
    };
  } catch (error) {
    if (error instanceof VtnError) return error.message;
    throw error;
  }
}
