import type { Logger } from 'pino';
import { leaveLease, takeLease } from '../../store/leases.ts';
import type { Database } from '../../store/database.ts';

const RENEW_EVERY_REAL_MS = 2_000;
const LEASE_REAL_MS = 6_000;

export interface LeasedIngressPorts {
  readonly database: Database;
  readonly cellId: string;
  /** The same again after a restart, and no other process's. */
  readonly holder: string;
  /** Begins to take telemetry. */
  readonly start: () => Promise<{ close(): Promise<void> }>;
  readonly logger: Logger;
}

/**
 * Lets one of a cell's API processes take telemetry: two would each start the stays and judge the meters of the same cars.
 * The others stand by, and the next one takes over within seconds. It should come to the broker under one name and with
 * one session, which keeps what was said meanwhile, and cuts off a holder that hung until its lease was over.
 */
export async function startLeasedIngress(ports: LeasedIngressPorts): Promise<{ close(): Promise<void> }> {
  const { database, holder, logger } = ports;
  const lease = { name: `ingress/${ports.cellId}`, holder };
  let ingress: { close(): Promise<void> } | undefined;
  let renewedRealMs = 0;

  const look = async (): Promise<void> => {
    const askedRealMs = performance.now();
    const answer = await takeLease(database, { ...lease, forRealMs: LEASE_REAL_MS }).catch((error: unknown) => {
      logger.warn({ err: error }, 'the lease on telemetry could not be renewed');
      return undefined;
    });
    if (answer) renewedRealMs = askedRealMs;
    // Without an answer it is ours until it has run out.
    const isOurs = answer ?? (ingress !== undefined && askedRealMs - renewedRealMs < LEASE_REAL_MS);
    if (isOurs && !ingress) {
      logger.info('takes the telemetry of the cell');
      ingress = await ports.start();
    } else if (!isOurs && ingress) {
      logger.warn('another process takes the telemetry of the cell');
      const lost = ingress;
      ingress = undefined;
      await lost.close();
    }
  };

  await look();
  let looking: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    looking = looking
      .then(look)
      .catch((error: unknown) => logger.error({ err: error }, 'telemetry could not be taken; it is tried again'));
  }, RENEW_EVERY_REAL_MS);
  return {
    close: async () => {
      clearInterval(timer);
      await looking;
      await ingress?.close();
      await leaveLease(database, lease).catch(() => undefined);
    },
  };
}
