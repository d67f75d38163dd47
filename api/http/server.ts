import { createServer, type RequestListener, type Server } from 'node:http';

import { getRequestListener } from '@hono/node-server';
import type { Logger } from 'pino';

import {
  CONNECTION_LIMITS,
  httpRefusal,
  limitConnections,
  type ConnectionLimits,
} from '../../domain/connectionLimits.ts';
import { HOUR_MS, MINUTE_MS } from '../../domain/durations.ts';
import { renewableServer } from '../../domain/renewableServer.ts';
import type { ServerTls } from '../../domain/serverTls.ts';
import { createApi } from './app.ts';
import type { ApiPorts } from './ports.ts';
import { restartLostJobs, startUnstartedJobs } from './startJobs.ts';
import { sweepOrphans } from './sweepOrphans.ts';
import { startOpenRuns } from './training.ts';
import { tidyUp } from './tidyUp.ts';
import { listenError } from '../../domain/thrown.ts';

const START_JOBS_EVERY_REAL_MS = 10_000;
/** It asks Temporal after every open batch. */
const RESTART_JOBS_EVERY_REAL_MS = MINUTE_MS;
const TIDY_EVERY_REAL_MS = MINUTE_MS;
/** It lists the store. */
const SWEEP_EVERY_REAL_MS = 6 * HOUR_MS;
const DRAIN_REAL_MS = 1_500;

export interface ApiListening {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Left out: without TLS, for a proxy in front. */
  readonly tls?: ServerTls;
  readonly connections?: ConnectionLimits;
}

export interface ApiServer {
  readonly url: string;
  /** Takes no new requests, lets those that run end for up to 1.5 s, then closes. */
  close(): Promise<void>;
}

/**
 * Serves the API; port 0 takes a free one. Also starts jobs that Temporal has not taken when they were submitted,
 * and removes what has expired.
 * @throws NightshiftError `port_in_use`
 */
export async function startApiServer(ports: ApiPorts, options: ApiListening): Promise<ApiServer> {
  const server = await listen(ports, options);
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : options.port;
  const { logger } = ports;
  const recurring = [
    startRecurring('start jobs', () => startUnstartedJobs(ports), START_JOBS_EVERY_REAL_MS, logger),
    startRecurring('start training', () => startOpenRuns(ports), START_JOBS_EVERY_REAL_MS, logger),
    startRecurring('restart lost jobs', () => restartLostJobs(ports), RESTART_JOBS_EVERY_REAL_MS, logger),
    startRecurring('remove what nothing names', () => sweepOrphans(ports), SWEEP_EVERY_REAL_MS, logger),
    startRecurring('tidy up', () => tidyUp(ports), TIDY_EVERY_REAL_MS, logger),
  ];
  return {
    url: `${options.tls ? 'https' : 'http'}://${options.host}:${port}`,
    close: async () => {
      await Promise.all(recurring.map((each) => each.stop()));
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      // Event streams never end by themselves.
      const timer = setTimeout(() => server.closeAllConnections(), DRAIN_REAL_MS);
      await closed;
      clearTimeout(timer);
    },
  };
}

function listen(ports: ApiPorts, { host, port, tls, connections = CONNECTION_LIMITS }: ApiListening): Promise<Server> {
  const answer = getRequestListener(createApi(ports).fetch);
  const respond: RequestListener = (request, response) => void answer(request, response);
  const server = tls ? renewableServer(tls, respond) : createServer(respond);
  // Inside TLS a refusal could not be read.
  limitConnections(server, connections, ports.logger, tls ? undefined : httpRefusal);
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(listenError(cause, { host, port })));
    server.listen(port, host, () => resolve(server));
  });
}

/** Runs `work` now and every `everyRealMs`, never twice at once. */
function startRecurring(
  what: string,
  work: () => Promise<void>,
  everyRealMs: number,
  logger: Logger,
): { stop(): Promise<void> } {
  const run = (): Promise<void> =>
    work().catch((error: unknown) => {
      logger.warn({ err: error }, `could not ${what}`);
    });
  let running = run();
  const timer = setInterval(() => {
    running = running.then(run);
  }, everyRealMs);
  return {
    stop: async () => {
      clearInterval(timer);
      await running;
    },
  };
}
