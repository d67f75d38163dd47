import { connect, type MqttClient } from 'mqtt';
import type { Logger } from 'pino';
import type { MqttOffer } from '../../activities/grid/openadr/openAdrPorts.ts';

export interface VtnHints {
  /** @returns why it does not listen, or null when it does */
  readonly listen: (connectionId: string, offer: MqttOffer | undefined) => string | null;
  close(): Promise<void>;
}

const ALLOWED = ['mqtts:', 'wss:'];
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * Listens to utilities' brokers. A message is only a hint to read again, and so is a new connection, since messages may
 * have been lost before it.
 */
export function listenForHints(hint: (connectionId: string) => Promise<void>, logger: Logger): VtnHints {
  const open = new Map<string, { readonly form: string; readonly client: MqttClient; failure: string | null }>();

  const tell = (connectionId: string): void => {
    hint(connectionId).catch((error: unknown) => logger.warn({ err: error, connectionId }, 'a hint was lost'));
  };
  const stop = (connectionId: string): void => {
    open.get(connectionId)?.client.end(true);
    open.delete(connectionId);
  };
  return {
    listen(connectionId, offer) {
      if (!offer) {
        stop(connectionId);
        return 'not offered';
      }
      const uri = offer.uris.find(isSafe);
      if (uri === undefined) return `none of ${offer.uris.join(', ')} is mqtts or wss`;
      // The password is a token that is renewed: a broker that ends the session gets the new one at the next look.
      const form = JSON.stringify([uri, offer.topics, offer.username, offer.tls]);
      const known = open.get(connectionId);
      if (known?.form === form && known.client.connected) return null;
      // It is tried again; what became of the last try is told until one works.
      const failure = known?.form === form ? known.failure : null;
      stop(connectionId);
      const { username, password, tls } = offer;
      const credentials = { ...(username !== undefined && { username }), ...(password !== undefined && { password }) };
      const client = connect(uri, { ...credentials, ...tls, protocolVersion: 4, reconnectPeriod: 0 });
      client.on('connect', () => {
        client.subscribe([...offer.topics], { qos: 1 }, (error) => {
          if (error) failed(error, 'refuses the subscription');
          else tell(connectionId);
        });
      });
      client.on('message', () => tell(connectionId));
      const entry = { form, client, failure };
      const failed = (error: Error, what: string): void => {
        entry.failure = `the broker at ${new URL(uri).hostname} ${what}: ${error.message}`;
        logger.warn({ err: error, connectionId }, `a utility’s broker ${what}`);
      };
      client.on('error', (error) => failed(error, 'does not answer'));
      open.set(connectionId, entry);
      return failure;
    },
    async close() {
      await Promise.all([...open.values()].map(({ client }) => client.endAsync(true)));
      open.clear();
    },
  };
}

function isSafe(uri: string): boolean {
  if (!URL.canParse(uri)) return false;
  const { protocol, hostname } = new URL(uri);
  return ALLOWED.includes(protocol) || LOOPBACK.has(hostname);
}
