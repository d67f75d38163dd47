import type { WebhookActivities } from '../../domain/activities/webhookActivities.ts';
import { createHash, createHmac } from 'node:crypto';

import { isFinalBatchStatus } from '../../domain/batches.ts';
import { readBatch } from '../../store/batches.ts';
import type { Database } from '../../store/database.ts';
import { listBatchCorrections } from '../../store/recalledShards.ts';
import type { Seal } from '../../store/seal.ts';
import type { WebhookHosts } from '../../domain/webhookTargets.ts';
import { listWebhookEndpoints, openWebhookSecret } from '../../store/webhookEndpoints.ts';
import { guardedPost } from './guardedPost.ts';

export interface WebhookPorts {
  readonly database: Database;
  readonly hosts: WebhookHosts;
  /** The one that endpoints' secrets were sealed with. */
  readonly seal: Seal;
}

export function createWebhookActivities({ database, hosts, seal }: WebhookPorts): WebhookActivities {
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
    async postWebhook(request: { batchId: string; endpointId: string; correction?: number }): Promise<void> {
      const batch = await readBatch(database, request.batchId);
      if (!batch) return;
      const endpoint = (await listWebhookEndpoints(database, batch.tenantId)).find(
        ({ id }) => id === request.endpointId,
      );
      if (!endpoint || !isFinalBatchStatus(batch.status)) return;
      const { correction } = request;
      const named = [batch.id, endpoint.id, ...(correction === undefined ? [] : [correction])].join('/');
      const id = `evt_${createHash('sha256').update(named).digest('hex').slice(0, 32)}`;
      const [correctedNow] = (await listBatchCorrections(database, batch.id)).filter(
        (each) => each.correction === correction,
      );
      const body = JSON.stringify({
        id,
        object: 'event',
        type: `batch.${correctedNow ? 'corrected' : batch.status}`,
        created_at: correctedNow
          ? Math.floor(correctedNow.realAtMs / 1000)
          : (batch.timestamps[`${batch.status}_at`] ?? Math.floor(batch.createdRealMs / 1000)),
        data: { id: batch.id, ...(correctedNow && { lines: correctedNow.lines, reason: correctedNow.reason }) },
      });
      const status = await guardedPost({
        url: endpoint.url,
        body,
        headers: {
          'content-type': 'application/json',
          ...signatureHeaders(openWebhookSecret(seal, endpoint), id, body, Date.now()),
        },
        hosts,
      });
      if (status < 200 || status > 299) throw new Error(`${new URL(endpoint.url).origin} answered ${status}`);
    },
  };
}

/** Standard Webhooks: HMAC-SHA256 over id, time and body, keyed with what stands behind `whsec_`. */
function signatureHeaders(secret: string, id: string, body: string, nowRealMs: number): Record<string, string> {
  const timestamp = String(Math.floor(nowRealMs / 1000));
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}
