import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, test, type TestContext } from 'vitest';

import { publishLsa } from '../../inference/lsa/lsaModel.ts';
import { createWebhookActivities } from '../../activities/webhooks/webhookActivities.ts';
import { seedClassSpeed } from '../../store/classSpeeds.ts';
import { addModel } from '../../store/models.ts';
import { smallLsa, SMALL_LSA } from '../support/smallModels.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import type { Json } from './apiHarness.ts';
import { useLiveApi } from './liveApi.ts';
import { endBatch } from './endBatch.ts';

const SDK = 'openai==3.57.0';
const INSTALL_LIMIT_REAL_MS = 25_000;
const SCRIPT = fileURLToPath(new URL('pythonSdk.py', import.meta.url));

const run = promisify(execFile);
const { database } = useTestDatabase();
const api = useLiveApi(database);

let folder = '';
let python = '';
let missing: string | undefined;

beforeAll(async () => {
  const { name, version } = await publishLsa(
    api.ports.objects,
    (model) => addModel(database, { ...model, tenantId: null }),
    smallLsa(),
    SMALL_LSA.dimensions,
  );
  await seedClassSpeed(database, { modelName: name, modelVersion: version, hardwareClass: 'ai4', statedMsPerUnit: 1 });
  folder = await mkdtemp(join(tmpdir(), 'nightshift-python-'));
  const limit = AbortSignal.timeout(INSTALL_LIMIT_REAL_MS);
  try {
    await run('python3', ['-m', 'venv', folder], { signal: limit });
    python = join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
    const pip = ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--retries', '0', '--timeout', '10', SDK];
    await run(python, pip, { signal: limit });
  } catch (error) {
    missing = limit.aborted
      ? `${SDK} was not installed within ${INSTALL_LIMIT_REAL_MS / 1000} s.`
      : `Python with pip, or the registry, is not here: ${String(error).split('\n', 2).join(' ').slice(0, 300)}`;
    process.stderr.write(`The stock Python SDK is not tested. ${missing}\n`);
  }
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Runs one step of the script with the stock SDK. */
async function step(context: TestContext, name: string, ...args: readonly unknown[]): Promise<Json> {
  context.skip(missing !== undefined, missing);
  const { stdout } = await run(python, [SCRIPT, name, JSON.stringify(args)], {
    env: { PATH: process.env['PATH'], OPENAI_BASE_URL: `${api.server.url}/v1`, OPENAI_API_KEY: api.ports.apiKey },
  });
  return JSON.parse(stdout);
}

test('the stock Python SDK uploads, submits, pages and cancels, and reads how a batch ended', async (context) => {
  const submitted = await step(context, 'submit');
  expect(submitted).toMatchObject({ status: 'validating', metadata: { who: 'python' }, cancelled: 'cancelling' });
  expect(Date.parse(submitted.deadline)).toBeGreaterThan(Date.now());
  await endBatch(api.ports, submitted.batch, { 0: 200, 1: 400 }, 'expired');
  expect(await step(context, 'results', submitted.batch)).toEqual({
    status: 'expired',
    counts: [3, 1, 1],
    output: ['first'],
    errors: { second: null, third: 'batch_expired' },
  });
});

test('it embeds, as base64 and as floats, and lists models', async (context) => {
  expect(await step(context, 'embed')).toEqual({
    lengths: [SMALL_LSA.dimensions, SMALL_LSA.dimensions],
    same: true,
    models: ['lsa-wordnet'],
    model: 'nightshift',
  });
});

test('it tells our errors apart', async (context) => {
  expect(await step(context, 'errors')).toEqual([
    ['NotFoundError', 'not_found', 'id', true],
    ['NotFoundError', 'not_found', 'model', true],
    ['AuthenticationError', 'unauthorized', null, true],
    ['BadRequestError', 'invalid_request', 'input_file_id', true],
  ]);
});

test('it unwraps our webhooks and refuses forged ones', async (context) => {
  const { batch } = await step(context, 'submit');
  let received: { body: string; headers: object } | undefined;
  const receiver = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      received = { body, headers: request.headers };
      response.end();
    });
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  try {
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
    const headers = { 'content-type': 'application/json' };
    const made = await api.fetch('/v1/webhook_endpoints', { method: 'POST', headers, body: JSON.stringify({ url }) });
    const { id: endpointId, secret } = (await made.json()) as Json;
    await endBatch(api.ports, batch, { 0: 200, 1: 200, 2: 200 }, 'completed');
    await createWebhookActivities({ database, hosts: 'loopback', seal: api.ports.seal }).postWebhook({
      batchId: batch,
      endpointId,
    });
    const event = await step(context, 'unwrap', secret, received?.body, received?.headers);
    expect(event).toEqual({ type: 'batch.completed', batch, forged: false });
  } finally {
    receiver.close();
  }
});
