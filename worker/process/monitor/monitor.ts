import { mkdir, statfs } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { MetricName, ProcessName, Sample } from '../../../domain/metrics.ts';
import { PROCESS_NAMES } from '../../../domain/metrics.ts';
import { listenError, messageOf } from '../../../domain/thrown.ts';
import type { Config } from '../../../config/config.ts';
import { readVersion } from '../../../config/version.ts';
import type { Logger } from '../logging.ts';
import { withinTime } from '../../../domain/withinTime.ts';
import { asOpenMetrics } from './coreMetrics.ts';
import { createReadiness, type Dependency } from './readiness.ts';
import { Series } from './series.ts';

/** Below the usual 10 s of a scrape. */
const READ_LIMIT_REAL_MS = 5_000;

/** What a process tells of itself. Counting is free to call, also where nobody listens. */
export interface Monitor {
  /** Undefined where nobody listens. */
  readonly port: number | undefined;
  add(name: MetricName, labels?: Readonly<Record<string, string>>, value?: number): void;
  observe(name: MetricName, labels: Readonly<Record<string, string>>, value: number): void;
  /** Reads these at each scrape; a group that cannot be read is left out of it. */
  onScrape(read: () => Promise<readonly Sample[]> | readonly Sample[]): void;
  /** What Temporal's core exposes, on this port of the machine, is exposed with all else. */
  readCore(port: number): void;
  /**
   * The process has started. It is ready while its vital servers answer.
   * @param ended why it will never work again, though it runs; undefined while it works
   */
  started(dependencies: readonly Dependency[], ended?: () => string | undefined): void;
  /** It takes nothing new: no longer ready. */
  stopping(): void;
  close(): Promise<void>;
}

/**
 * Listens at the process's own port, where `metrics.port` is set: `/metrics` (OpenMetrics), `/live`, `/ready`.
 * @throws NightshiftError `port_in_use`
 */
export async function startMonitor(
  process: ProcessName,
  { metrics, stateDir }: Pick<Config, 'metrics' | 'stateDir'>,
  log: Pick<Logger, 'warn' | 'info'>,
): Promise<Monitor> {
  const series = new Series(process);
  const readers: (() => Promise<readonly Sample[]> | readonly Sample[])[] = [() => diskSamples(stateDir)];
  const named = new Map<object, ReadonlySet<MetricName>>();
  series.replace([{ name: 'nightshift_build_info', labels: { version: readVersion() }, value: 1 }]);
  let state: 'starting' | 'started' | 'stopping' = 'starting';
  let look = createReadiness([]);
  let endedBy = neverEnds;
  let corePort: number | undefined;

  const readGroup = async (read: (typeof readers)[number]): Promise<void> => {
    try {
      const samples = await withinTime(READ_LIMIT_REAL_MS, read());
      // Series that the group had, and has no more, must not stand still.
      for (const name of named.get(read) ?? []) series.forget(name);
      named.set(read, new Set(samples.map(({ name }) => name)));
      series.replace(samples);
    } catch (error) {
      for (const name of named.get(read) ?? []) series.forget(name);
      series.add('nightshift_unread_figures_total');
      log.warn({ err: error }, 'figures could not be read for a scrape');
    }
  };
  let reading: Promise<string> | undefined;
  const scrape = async (): Promise<string> => {
    const found = await look();
    series.replace(
      found.map(({ name, isUp }) => {
        return { name: 'nightshift_dependency_up', labels: { dependency: name }, value: isUp ? 1 : 0 };
      }),
    );
    await Promise.all(readers.map(readGroup));
    const [own, core] = await Promise.all([series.text(), coreText(corePort)]);
    return own.replace(/# EOF\n?$/, `${core}# EOF\n`);
  };

  const readiness = async (): Promise<Answer> => {
    if (state !== 'started') return { status: 503, body: { status: state } };
    const found = await look();
    const missing = found.find(({ isVital, isUp }) => isVital && !isUp);
    const dependencies = found.map(({ name, isVital, isUp, why }) => ({ name, vital: isVital, up: isUp, why }));
    return {
      status: missing ? 503 : 200,
      body: { status: missing ? `${missing.name} is away` : 'ready', dependencies },
    };
  };
  const answer = async (path: string): Promise<Answer> => {
    if (path === '/metrics') {
      // Two who ask at once share one reading.
      reading ??= scrape().finally(() => (reading = undefined));
      return { status: 200, body: await reading };
    }
    if (path === '/ready') return readiness();
    if (path !== '/live') return { status: 404, body: { error: 'There are /metrics, /live and /ready.' } };
    const why = endedBy();
    return why === undefined ? { status: 200, body: { status: 'live' } } : { status: 503, body: { status: why } };
  };
  const server =
    metrics &&
    createServer((request, response) => {
      const path = new URL(request.url ?? '/', 'http://process').pathname;
      answer(path).then(
        (ready) => send(response, ready, series.contentType),
        (error: unknown) => send(response, { status: 500, body: { error: messageOf(error) } }, series.contentType),
      );
    });
  const port = server ? await listen(server, metrics.host, portOf(process, metrics.port)) : undefined;
  if (port !== undefined) log.info({ port }, 'metrics, /live and /ready are served');

  return {
    port,
    add: (name, labels, value) => series.add(name, labels, value),
    observe: (name, labels, value) => series.observe(name, labels, value),
    onScrape: (read) => void readers.push(read),
    readCore: (ofCore) => (corePort = ofCore),
    started: (dependencies, ended) => {
      look = createReadiness(dependencies);
      if (ended) endedBy = ended;
      state = 'started';
    },
    stopping: () => (state = 'stopping'),
    close: async () => {
      if (!server) return;
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Each process of a machine has its own, one after the other from `metrics.port` on. */
export function portOf(process: ProcessName, first: number): number {
  return first + PROCESS_NAMES.indexOf(process);
}

function neverEnds(): string | undefined {
  return undefined;
}

interface Answer {
  readonly status: number;
  /** A text is OpenMetrics. */
  readonly body: object | string;
}

function send(response: ServerResponse, { status, body }: Answer, openMetrics: string): void {
  const isText = typeof body === 'string';
  response.writeHead(status, { 'content-type': isText ? openMetrics : 'application/json' });
  response.end(isText ? body : `${JSON.stringify(body)}\n`);
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(listenError(cause, { host, port })));
    server.listen(port, host, () => resolve(port));
  });
}

async function coreText(port: number | undefined): Promise<string> {
  if (port === undefined) return '';
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(READ_LIMIT_REAL_MS) });
  return asOpenMetrics(await answer.text());
}

async function diskSamples(folder: string): Promise<Sample[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { bavail, blocks, bsize } = await statfs(folder);
  return [
    { name: 'nightshift_disk_free_bytes', value: bavail * bsize },
    { name: 'nightshift_disk_size_bytes', value: blocks * bsize },
  ];
}
