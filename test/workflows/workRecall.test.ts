import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { TestWorkflowEnvironment } from '@temporalio/testing';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { createWebhookActivities } from '../../activities/webhooks/webhookActivities.ts';
import { CONTROL_TASK_QUEUE } from '../../domain/names.ts';
import { insertBatch } from '../../store/batches.ts';
import { insertFile } from '../../store/files.ts';
import { recordBatchCorrection } from '../../store/recalledShards.ts';
import { sealWith } from '../../store/seal.ts';
import { insertWebhookEndpoint } from '../../store/webhookEndpoints.ts';
import { workRecall } from '../../workflows/workRecall.ts';
import { startTemporal, withWorker } from '../support/temporal.ts';
import { useTestDatabase } from '../support/testDatabase.ts';

const { database } = useTestDatabase();
const SECRET = `whsec_${Buffer.from('a secret of an endpoint').toString('base64')}`;
const heard: { readonly headers: IncomingHttpHeaders; readonly body: string }[] = [];
let env: TestWorkflowEnvironment;
let receiver: Server;

beforeAll(async () => {
  env = await startTemporal();
  receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      heard.push({ headers: request.headers, body: Buffer.concat(chunks).toString('utf8') });
      // It is not there at first, as receivers are when they are deployed.
      response.writeHead(heard.length === 1 ? 503 : 204).end();
    });
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const { port } = receiver.address() as AddressInfo;
  const file = { id: 'file-1', filename: 'in', purpose: 'batch' as const, bytes: 1, objectKey: 'f', lifeSeconds: null };
  await insertFile(database, file);
  await insertBatch(database, {
    id: 'batch_1',
    endpoint: '/v1/embeddings',
    inputFileId: 'file-1',
    completionWindow: '24h',
    metadata: null,
    outputExpiresAfterSeconds: null,
    deadlineMs: 2_000,
    submittedAtMs: 1_000,
    idempotencyKey: null,
    requestHash: 'batch_1',
  });
  await database.query(`update batches set status = 'completed' where id = 'batch_1'`);
  const url = `http://127.0.0.1:${port}/hook`;
  const sealedSecret = sealWith('0'.repeat(64)).seal(SECRET, 'we_1');
  await insertWebhookEndpoint(database, { id: 'we_1', tenantId: 'default', url, sealedSecret });
}, 60_000);
afterAll(async () => {
  receiver.closeAllConnections();
  receiver.close();
  await env.teardown();
});

test('a batch that is corrected after its end is told to its submitter’s webhook, until that has heard it', async () => {
  const corrected: string[] = [];
  const activities = {
    ...createWebhookActivities({ database, hosts: 'loopback', seal: sealWith('0'.repeat(64)) }),
    recallWork: async () => ({ reopened: [], ended: ['batch_1'] }),
    correctBatch: async ({ batchId }: { batchId: string }) => {
      corrected.push(batchId);
      return recordBatchCorrection(database, batchId, { lines: 12, reason: 'A car was caught.' });
    },
  };
  const args = [{ vehicleId: 'car-1', quarantineId: 1, cellId: 'test' }] as const;
  await withWorker(env, activities, () =>
    env.client.workflow.execute(workRecall, { workflowId: 'recall/1', taskQueue: CONTROL_TASK_QUEUE, args: [...args] }),
  );
  expect(corrected).toEqual(['batch_1']);
  expect(heard).toHaveLength(2);
  const [first, second] = heard;
  expect(first?.headers['webhook-id']).toBe(second?.headers['webhook-id']);
  const client = new OpenAI({ apiKey: 'none', webhookSecret: SECRET });
  const event: unknown = await client.webhooks.unwrap(second?.body ?? '', second?.headers ?? {});
  expect(event).toMatchObject({
    object: 'event',
    type: 'batch.corrected',
    data: { id: 'batch_1', lines: 12, reason: 'A car was caught.' },
  });
}, 60_000);
