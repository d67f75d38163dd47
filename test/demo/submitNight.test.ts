import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiClient } from '../../api/client/apiClient.ts';
import { nightFolder, type NightState } from '../../demo/nightState.ts';
import { PatientApiClient } from '../../demo/patientApi.ts';
import { submitNight } from '../../demo/submitNight.ts';
import { OCR_MODEL } from '../../demo/work/ocrWork.ts';
import { HOUR_MS } from '../../domain/durations.ts';
import { useApi } from '../api/apiHarness.ts';
import { useTestDatabase } from '../support/testDatabase.ts';

const { database } = useTestDatabase();
const harness = useApi(database);
const DEADLINE_MS = Date.now() + 10 * HOUR_MS;
const ENDPOINT = `/v2/models/${OCR_MODEL}/infer`;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-night-'));
  const line = { custom_id: 'a', method: 'POST', url: ENDPOINT, body: { inputs: [] } };
  await writeFile(join(folder, 'batch.jsonl'), `${JSON.stringify(line)}\n`);
});
afterAll(() => rm(folder, { recursive: true }));

const stateOf = (incarnation: string): NightState => ({ incarnation, startedRealMs: 0, scale: 60, finished: false });
const submitted = async (scenario: string, state: NightState) => {
  const api = new ApiClient(harness.server.url, 'test-key');
  const work = { batchFile: join(folder, 'batch.jsonl'), endpoint: ENDPOINT };
  return submitNight({ stateDir: folder, night: { scenario, batch: { deadline: DEADLINE_MS } }, work, api }, state);
};

test('a night that was killed before it noted its batch gets the same one, another night its own', async () => {
  const first = await submitted('winter', stateOf('2026-01-14T16:00:00.000Z'));
  const saved = JSON.parse(await readFile(join(nightFolder(folder), 'night.json'), 'utf8')) as NightState;
  expect(saved).toEqual(first);
  const { batchId, ...unnoted } = first;
  expect((await submitted('winter', unnoted)).batchId).toBe(batchId);
  expect((await submitted('winter', stateOf('2026-01-15T16:00:00.000Z'))).batchId).not.toBe(batchId);
  expect((await submitted('summer', stateOf('2026-01-14T16:00:00.000Z'))).batchId).not.toBe(batchId);
});

test('a night waits for an API that is restarted, and takes a refusal as it is', async () => {
  const answers: ((response: ServerResponse) => void)[] = [
    (response) => response.destroy(),
    (response) => response.writeHead(503).end('{"error":{"message":"x","code":"unavailable"}}'),
    (response) => response.end('{"all":"well"}'),
    (response) => response.writeHead(400).end('{"error":{"message":"no such thing","code":"invalid_request"}}'),
  ];
  const server = createServer((_, response) => answers.shift()?.(response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const api = new PatientApiClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'key');
  expect(await api.json('GET', '/')).toEqual({ all: 'well' });
  await expect(api.json('GET', '/')).rejects.toMatchObject({ code: 'invalid_request' });
  server.closeAllConnections();
  server.close();
});
