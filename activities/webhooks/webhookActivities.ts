import { createHash, createHmac } from 'node:crypto';

import { isFinalBatchStatus } from '../../domain/batches.ts';
import { readBatch } from '../../store/batches.ts';
import type { Database } from '../../store/database.ts';
import { listWebhookEndpoints, type WebhookEndpoint } from '../../store/webhookEndpoints.ts';

const ANSWER_LIMIT_REAL_MS = 10_000;

export type WebhookActivities = ReturnType<typeof createWebhookActivities>;

export function createWebhookActivities({ database }: { readonly database: Database }) {
  return {
    /** Ids of the endpoints that want to hear how the batch ended. */
    async webhooksOf(request: { batchId: string }): Promise<string[]> {
      const batch = await readBatch(database, request.batchId);
      if (!batch) return [];
      return (await listWebhookEndpoints(database, batch.tenantId)).map(({ id }) => id);
    },

    /**
     * Posts one endpoint the event of a batch's final state, in the form that OpenAI's SDKs verify. Sent again, it has
     * the same id, so that the receiver can tell.
     * @throws Error when the endpoint does not answer with 2xx
     */
    async postWebhook(request: { batchId: string; endpointId: string }): Promise<void> {
      const batch = await readBatch(database, request.batchId);
      if (!batch) return;
      const endpoint = (await listWebhookEndpoints(database, batch.tenantId)).find(
        ({ id }) => id === request.endpointId,
      );
      if (!endpoint || !isFinalBatchStatus(batch.status)) return;
      const id = `evt_${createHash('sha256').update(`${batch.id}/${endpoint.id}`).digest('hex').slice(0, 32)}`;
      const body = JSON.stringify({
        id,
        object: 'event',
        type: `batch.${batch.status}`,
        created_at: batch.timestamps[`${batch.status}_at`] ?? Math.floor(batch.createdRealMs / 1000),
        data: { id: batch.id },
      });
      const answer = await fetch(endpoint.url, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', ...signatureHeaders(endpoint, id, body, Date.now()) },
        // A redirect would carry the event to a place that nobody registered.
        redirect: 'error',
        signal: AbortSignal.timeout(ANSWER_LIMIT_REAL_MS),
      });
      await answer.body?.cancel();
      if (!answer.ok) throw new Error(`${new URL(endpoint.url).origin} answered ${answer.status}`);
    },
  };
}

/** Standard Webhooks: HMAC-SHA256 over id, time and body, keyed with what stands behind `whsec_`. */
function signatureHeaders(
  { secret }: Pick<WebhookEndpoint, 'secret'>,
  id: string,
  body: string,
  nowRealMs: number,
): Record<string, string> {
  const timestamp = String(Math.floor(nowRealMs / 1000));
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}
