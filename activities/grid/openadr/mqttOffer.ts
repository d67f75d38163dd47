import { isSameHost, type OpenAdrSecrets, type OpenAdrSettings } from '../../../domain/openAdr.ts';
import type { MqttOffer } from './openAdrPorts.ts';
import type { VtnClient } from './vtnClient.ts';
import { VtnError } from './vtnError.ts';
import { readWire, wireNotifiersSchema, wireTopicsSchema } from './wire.ts';

const MAX_TOPICS = 100;

/**
 * Where the server tells of changes over MQTT. A broker on a host that nobody configured is left alone: an answer must
 * not choose whom we connect to, nor who gets the token.
 * @returns the offer, or in words why there is none: polling goes on either way
 */
export async function mqttOffer(
  client: VtnClient,
  venId: string | null,
  { vtnUrl, brokerHosts }: Pick<OpenAdrSettings, 'vtnUrl' | 'brokerHosts'>,
  { client: credentials }: OpenAdrSecrets,
): Promise<MqttOffer | string> {
  try {
    const notifiers = readWire(wireNotifiersSchema, await client.get('notifiers'));
    const binding = 'read' in notifiers ? notifiers.read.MQTT : undefined;
    if (!binding) return 'not offered';
    const allowed = [new URL(vtnUrl).hostname, ...brokerHosts];
    const uris = binding.URIS.filter((uri) => allowed.some((host) => isSameHost(host, hostOf(uri))));
    if (uris.length === 0) {
      const hosts = binding.URIS.map(hostOf).join(', ');
      return `the server names brokers at ${hosts}, other hosts than its own; configure them as broker hosts to allow them`;
    }
    const path = `notifiers/mqtt/topics/${venId === null ? '' : `vens/${encodeURIComponent(venId)}/`}events`;
    const topics = readWire(wireTopicsSchema, await client.get(path));
    if ('problem' in topics) return topics.problem;
    const { method, username, caCert, clientCert, clientKey } = binding.authentication;
    const isOAuth = method === 'OAUTH2_BEARER_TOKEN';
    const { ALL, ...single } = topics.read.topics;
    return {
      uris,
      topics: ALL === undefined ? Object.values(single).slice(0, MAX_TOPICS) : [ALL],
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

function hostOf(uri: string): string {
  return URL.canParse(uri) ? new URL(uri).hostname : 'no URI';
}
