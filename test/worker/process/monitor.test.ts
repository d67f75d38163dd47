import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { METRICS } from '../../../domain/metrics.ts';
import { asOpenMetrics } from '../../../worker/process/monitor/coreMetrics.ts';
import { startMonitor, type Monitor } from '../../../worker/process/monitor/monitor.ts';
import { freePort } from '../../support/freePorts.ts';

const log = pino({ level: 'silent' });
let stateDir: string;
let monitor: Monitor | undefined;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'nightshift-monitor-'));
});
afterEach(() => monitor?.close());
afterAll(() => rm(stateDir, { recursive: true, force: true }));

/** On free ports: the API's is the one after the first. */
async function started(): Promise<(path: string) => Promise<{ status: number; text: string; type: string | null }>> {
  const api = await freePort();
  const own = await startMonitor('api', { metrics: { host: '127.0.0.1', port: api - 1 }, stateDir }, log);
  monitor = own;
  expect(own.port).toBe(api);
  return async (path) => {
    const answer = await fetch(`http://127.0.0.1:${api}${path}`);
    return { status: answer.status, text: await answer.text(), type: answer.headers.get('content-type') };
  };
}

const up = async (): Promise<void> => {};
const down = async (): Promise<never> => {
  throw new Error('connection refused');
};

test('is live from the first moment, and ready once it has started and while its vital servers answer', async () => {
  const ask = await started();
  expect((await ask('/live')).status).toBe(200);
  expect(await ask('/ready')).toMatchObject({ status: 503, text: '{"status":"starting"}\n' });

  monitor?.started([
    { name: 'postgresql', isVital: true, ask: up },
    { name: 'objects', isVital: false, ask: down },
  ]);
  const ready = await ask('/ready');
  expect(ready.status).toBe(200);
  expect(JSON.parse(ready.text)).toEqual({
    status: 'ready',
    dependencies: [
      { name: 'postgresql', vital: true, up: true },
      { name: 'objects', vital: false, up: false, why: 'connection refused' },
    ],
  });

  monitor?.started([{ name: 'postgresql', isVital: true, ask: down }], () => 'FAILED');
  expect(await ask('/ready')).toMatchObject({ status: 503 });
  expect(await ask('/live')).toMatchObject({ status: 503, text: '{"status":"FAILED"}\n' });

  monitor?.started([{ name: 'postgresql', isVital: true, ask: up }]);
  monitor?.stopping();
  expect(await ask('/ready')).toMatchObject({ status: 503, text: '{"status":"stopping"}\n' });
  expect((await ask('/nothing')).status).toBe(404);
});

test('a server that hangs is away after its time, and holds up no scrape', async () => {
  const ask = await started();
  monitor?.started([{ name: 'postgresql', isVital: true, ask: () => new Promise(() => {}) }]);
  const ready = await ask('/ready');
  expect(ready.status).toBe(503);
  expect(ready.text).toContain('no answer within 2000 ms');
  expect((await ask('/metrics')).text).toContain('nightshift_dependency_up{dependency="postgresql"} 0\n');
});

test('serves OpenMetrics: what is counted, what is read at the scrape, and what the core tells', async () => {
  const core = createServer((_, response) => {
    response.end(
      '# HELP temporal_request_total Requests\n# TYPE temporal_request_total counter\ntemporal_request_total{a="b"} 3\n',
    );
  });
  await new Promise<void>((resolve) => core.listen(0, '127.0.0.1', resolve));
  try {
    const ask = await started();
    const address = core.address();
    if (typeof address === 'object' && address) monitor?.readCore(address.port);
    monitor?.add('nightshift_http_requests_total', { area: 'v1', status: '2xx' });
    monitor?.observe('nightshift_meter_lag_seconds', {}, 0.3);
    // Another process's series is none of this one's.
    monitor?.add('nightshift_shards_judged_total', { outcome: 'accepted' });
    let cars: { name: 'nightshift_cars'; labels: { region: string; state: string }; value: number }[] = [
      { name: 'nightshift_cars', labels: { region: 'oslo', state: 'asleep' }, value: 2 },
    ];
    monitor?.onScrape(() => cars);
    monitor?.onScrape(down);
    monitor?.onScrape(() => [{ name: 'nightshift_telemetry_messages_total', value: 7 }]);

    const first = await ask('/metrics');
    expect(first.type).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect(first.text).toContain('nightshift_http_requests_total{area="v1",status="2xx"} 1\n');
    expect(first.text).toContain('nightshift_meter_lag_seconds_bucket{le="0.5"} 1\n');
    expect(first.text).toContain('nightshift_cars{region="oslo",state="asleep"} 2\n');
    expect(first.text).toContain('nightshift_unread_figures_total 1\n');
    expect(first.text).toContain('nightshift_telemetry_messages_total 7\n');
    expect(first.text).toContain('# TYPE temporal_request counter\ntemporal_request_total{a="b"} 3\n# EOF\n');
    expect(first.text).not.toContain('nightshift_shards_judged');
    expect(first.text).toMatch(/nightshift_disk_free_bytes \d+\n/);

    cars = [];
    const second = await ask('/metrics');
    expect(second.text).not.toContain('nightshift_cars{');
    expect(second.text).toContain('nightshift_telemetry_messages_total 7\n');
  } finally {
    core.close();
  }
});

test('a counter of the core is declared as OpenMetrics wants it, and all else stays', () => {
  const gauge = '# TYPE temporal_slots gauge\ntemporal_slots 5\n';
  expect(asOpenMetrics(`${gauge}# TYPE temporal_a_total counter\ntemporal_a_total 1\n`)).toBe(
    `${gauge}# TYPE temporal_a counter\ntemporal_a_total 1\n`,
  );
});

test('counters end in _total, nothing else does, and no label has as many values as there are cars, tenants or jobs', () => {
  for (const [name, { kind, labels }] of Object.entries(METRICS)) {
    expect(name.endsWith('_total'), name).toBe(kind === 'counter');
    for (const label of labels)
      expect(['car', 'vin', 'vehicle', 'tenant', 'job', 'batch', 'feeder', 'owner']).not.toContain(label);
  }
});
