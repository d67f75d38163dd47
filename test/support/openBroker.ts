import type { Logger } from 'pino';
import { startBroker, type Broker } from '../../api/mqtt/broker.ts';
import type { BrokerRights } from '../../api/mqtt/brokerRights.ts';

const EVERY_RIGHT: BrokerRights = { mayConnectAs: () => true, mayPublish: () => true, maySubscribe: () => true };

/** A broker on a free port that lets everybody in, for tests and benches of what speaks through it. */
export function openBroker(logger: Logger): Promise<Broker> {
  return startBroker({ host: '127.0.0.1', port: 0, logger, admit: async () => EVERY_RIGHT, onMisuse: () => {} });
}
